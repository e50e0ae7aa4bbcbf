// Postgres' first messages: what is decided stays decided whatever follows, 8 bytes decide, and no
// byte comes before TLS that was not looked at.
#include "fuzz/fuzz.hpp"
#include "proxy/postgres_startup.hpp"

namespace {

using mesh::ByteView;
using mesh::fuzz::require;
using mesh::proxy::ClientStep;
using mesh::proxy::Match;
using mesh::proxy::postgres;
using mesh::proxy::PostgresMessage;
using mesh::proxy::read_postgres_message;
using mesh::proxy::StartTls;
using Kind = PostgresMessage::Kind;

void check_reader(ByteView bytes) {
    const PostgresMessage whole = read_postgres_message(bytes);
    if (bytes.size() >= 8) require(whole.kind != Kind::need_more);
    for (std::size_t size = 0; size < bytes.size() && size < 16; ++size) {
        const PostgresMessage part = read_postgres_message(bytes.first(size));
        require(part.kind == Kind::need_more || part.kind == whole.kind);
        if (part.kind != Kind::need_more) require(part.size == whole.size);
    }
    if (whole.kind == Kind::none || whole.kind == Kind::need_more) return;
    require(whole.size >= 8 && whole.size <= 10'000);
}

void check_client(ByteView bytes) {
    using Action = ClientStep::Action;
    const ClientStep step = postgres().client_says(bytes);
    switch (step.action) {
        case Action::need_more:
            require(bytes.size() < 268);
            break;
        case Action::start_tls:
            require(step.size == bytes.size() && step.answer.size() == 1);
            break;
        case Action::answer:
            require(step.size == 8 && step.size <= bytes.size() && step.answer.size() == 1);
            break;
        case Action::cancel:
            require(step.size <= bytes.size() && step.size >= 16);
            break;
        case Action::plain:
            require(postgres().begins(bytes) == Match::yes);
            break;
        case Action::malformed:
            require(!step.reason.empty());
            break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    check_reader(bytes);
    check_client(bytes);
    const auto answer = postgres().server_says(bytes);
    require((answer == StartTls::Answer::need_more) == bytes.empty());
    require(answer != StartTls::Answer::yes || bytes.size() == 1);
    return 0;
}
