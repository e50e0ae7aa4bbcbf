#include "fake_ca.hpp"

#include "base/base64url.hpp"

#include <algorithm>

namespace mesh::test {

namespace {

std::string decode(const std::string& text) {
    const auto bytes = base64url_decode(text);
    return bytes ? std::string(as_text(*bytes)) : std::string("(not base64url)");
}

std::string field(const http::Request& request, const std::string& name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

FakeCa::FakeCa()
    : directory{{"newNonce", ca + "/new-nonce"},
                {"newAccount", ca + "/new-account"},
                {"newOrder", ca + "/new-order"},
                {"aFutureResource", {{"with", "structure"}}}} {}

std::string FakeCa::fresh_nonce() {
    const std::string nonce = "nonce" + std::to_string(++nonces_given);
    nonces_.insert(nonce);
    return nonce;
}

std::optional<Result<http::Response>> FakeCa::serve(const http::Request& request) {
    if (request.url == ca + "/dir") {
        if (request.method != http::Method::get) complaints.push_back("directory: not a GET");
        if (instead_of_directory) return instead_of_directory;
        return answer(200, directory, {{"Date", date}});
    }
    if (request.url == ca + "/new-nonce") {
        if (request.method != http::Method::head) complaints.push_back("newNonce: not a HEAD");
        if (instead_of_nonce) return instead_of_nonce;
        http::Response response;
        response.status = 200;
        response.headers = {{"Replay-Nonce", fresh_nonce()}, {"Date", date}};
        return response;
    }
    return serve_post(request);
}

std::optional<Result<http::Response>> FakeCa::serve_post(const http::Request& request) {
    posts.push_back(open(request));
    if (refuse_nonces > 0) {
        --refuse_nonces;
        std::vector<std::pair<std::string, std::string>> fields;
        if (nonces_in_answers) fields.emplace_back("Replay-Nonce", fresh_nonce());
        return problem(400, "badNonce", "JWS has an invalid anti-replay nonce", fields);
    }
    auto result = on_post(posts.back());
    if (result && *result) {
        (*result)->headers.emplace_back("Date", date);
        if (nonces_in_answers) (*result)->headers.emplace_back("Replay-Nonce", fresh_nonce());
    }
    return result;
}

FakeCa::Post FakeCa::open(const http::Request& request) {
    const auto complain = [&](const std::string& what) {
        complaints.push_back(request.url + ": " + what);
    };
    if (request.method != http::Method::post) complain("not a POST");
    if (field(request, "Content-Type") != "application/jose+json") complain("content type");
    const Json jws = Json::parse(request.body);
    if (jws.size() != 3) complain("JWS with foreign members");
    Post post;
    post.path = request.url.substr(ca.size());
    post.header = Json::parse(decode(jws.at("protected")));
    post.payload = decode(jws.at("payload"));
    post.accept = field(request, "Accept");
    if (decode(jws.at("signature")).size() != 64) complain("signature is not r and s of 32 bytes");
    if (post.header.at("alg") != "ES256") complain("alg");
    if (post.header.at("url") != request.url) complain("url in the JWS differs");
    if (nonces_.erase(post.header.at("nonce")) != 1) complain("a nonce not given, or used before");
    const bool by_account = post.header.contains("kid");
    if (by_account == post.header.contains("jwk")) complain("not exactly one of kid and jwk");
    if (by_account == (post.path == "/new-account")) complain("the wrong one of kid and jwk");
    return post;
}

http::Response answer(int status,
                      const nlohmann::json& body,
                      std::vector<std::pair<std::string, std::string>> fields) {
    http::Response response;
    response.status = status;
    response.headers = std::move(fields);
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = body.dump();
    return response;
}

http::Response problem(int status,
                       const std::string& type,
                       const std::string& detail,
                       std::vector<std::pair<std::string, std::string>> fields) {
    return answer(status,
                  {{"type", "urn:ietf:params:acme:error:" + type}, {"detail", detail}},
                  std::move(fields));
}

void RecordingLog::write(LogLevel,
                         std::string_view event,
                         std::string_view message,
                         std::initializer_list<LogField> fields) {
    events_.emplace_back(event);
    text.append(event).append(" ").append(message);
    for (const LogField& one : fields) {
        text.append(" ").append(one.key).append("=").append(one.value);
    }
    text += '\n';
}

int RecordingLog::count(const std::string& event) const {
    return static_cast<int>(std::count(events_.begin(), events_.end(), event));
}

Bench::Bench(acme::ClientSettings settings)
    : http([this](const http::Request& request) { return ca.serve(request); }),
      clock(noon()),
      key(tls::PrivateKey::generate(tls::KeyType::ec256).value()),
      account{key, test::ca + "/account/7"} {
    settings.directory_url = test::ca + "/dir";
    client = acme::make_client(std::move(settings), http, executor, clock, log);
}

acme::Outcome<acme::OrderResource> Bench::new_order(const std::string& profile) {
    const std::vector<HostPattern> names{HostPattern::parse("shop.example").value(),
                                         HostPattern::parse("www.shop.example").value()};
    return ask<acme::OrderResource>(
        [&](auto done) { client->new_order(account, names, profile, done); });
}

acme::Outcome<acme::OrderResource> Bench::fetch_order() {
    return ask<acme::OrderResource>(
        [&](auto done) { client->fetch_order(account, test::ca + "/order/1", done); });
}

acme::Outcome<acme::AccountResource> Bench::new_account(const std::string& email) {
    return ask<acme::AccountResource>([&](auto done) { client->new_account(key, email, done); });
}

nlohmann::json order_json(const std::string& status) {
    return {{"status", status},
            {"expires", "2026-03-08T12:00:00Z"},
            {"authorizations", {ca + "/authz/1"}},
            {"finalize", ca + "/finalize/1"}};
}

}  // namespace mesh::test
