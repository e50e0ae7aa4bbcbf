#pragma once
#include "acme/client.hpp"
#include "fake_http.hpp"

#include <nlohmann/json.hpp>

#include <set>

namespace mesh::test {

/// A CA in a few lines: serves the directory and nonces, checks every JWS the way a strict server
/// does, and leaves the resources to the test.
class FakeCa {
 public:
    using Json = nlohmann::json;
    struct Post {
        std::string path;     ///< "/order/1"
        Json header;          ///< protected
        std::string payload;  ///< decoded; empty: POST-as-GET
        std::string accept;
        [[nodiscard]] Json json() const { return Json::parse(payload); }
    };
    /// No value: the request stays open.
    using Script = std::function<std::optional<Result<http::Response>>(const Post&)>;

    FakeCa();
    /// What is wrong with the requests so far, in words. Empty: nothing.
    std::vector<std::string> complaints;
    Script on_post;
    Json directory;
    std::vector<Post> posts;
    int nonces_given = 0;
    bool nonces_in_answers = true;
    /// The next so many POSTs are refused with badNonce.
    int refuse_nonces = 0;
    std::optional<Result<http::Response>> instead_of_directory;
    std::optional<Result<http::Response>> instead_of_nonce;
    std::string date = "Sun, 01 Mar 2026 12:00:00 GMT";

    [[nodiscard]] std::optional<Result<http::Response>> serve(const http::Request& request);
    [[nodiscard]] std::string fresh_nonce();

 private:
    [[nodiscard]] std::optional<Result<http::Response>> serve_post(const http::Request& request);
    [[nodiscard]] Post open(const http::Request& request);

    std::set<std::string> nonces_;
};

inline const std::string ca = "https://ca.example";

[[nodiscard]] http::Response answer(int status,
                                    const nlohmann::json& body,
                                    std::vector<std::pair<std::string, std::string>> fields = {});
[[nodiscard]] http::Response problem(int status,
                                     const std::string& type,
                                     const std::string& detail,
                                     std::vector<std::pair<std::string, std::string>> fields = {});

/// Counts what is logged and keeps the text, to look for what must never be in it.
class RecordingLog final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }
    [[nodiscard]] int count(const std::string& event) const;
    std::string text;

 private:
    std::vector<std::string> events_;
};

/// Everything a test of the client needs, wired up.
struct Bench {
    explicit Bench(acme::ClientSettings settings = {});
    FakeCa ca;
    FakeHttp http;
    ManualExecutor executor;
    ManualClock clock;
    RecordingLog log;
    tls::PrivateKey key;
    acme::Account account;
    std::unique_ptr<acme::Client> client;

    /// Runs the executor and gives the outcome, which must be there then.
    template <class T, class Ask>
    acme::Outcome<T> ask(Ask&& start) {
        std::optional<acme::Outcome<T>> outcome;
        start([&](acme::Outcome<T> result) {
            if (outcome) throw std::logic_error("answered twice");
            outcome.emplace(std::move(result));
        });
        if (outcome) throw std::logic_error("answered from inside the call");
        executor.run_all();
        if (!outcome) throw std::logic_error("not answered");
        return *outcome;
    }
    acme::Outcome<acme::OrderResource> new_order(const std::string& profile = "");
    acme::Outcome<acme::OrderResource> fetch_order();
    acme::Outcome<acme::AccountResource> new_account(const std::string& email = "");
};

/// An order with one authorization.
[[nodiscard]] nlohmann::json order_json(const std::string& status);

}  // namespace mesh::test
