#include "fault/ca/fault_ca.hpp"

#include "base/base64url.hpp"
#include "base/time_text.hpp"
#include "fault/ca/http_date.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace mesh::fault {
namespace {

using acme::Step;

struct Path {
    const char* kind;
    Step step;
};
constexpr Path numbered[] = {{"/order/", Step::order},
                             {"/authorization/", Step::authorization},
                             {"/challenge/", Step::challenge},
                             {"/finalize/", Step::finalize},
                             {"/certificate/", Step::certificate}};
constexpr Path plain[] = {{"/directory", Step::directory},
                          {"/new-nonce", Step::nonce},
                          {"/new-account", Step::new_account},
                          {"/new-order", Step::new_order}};

/// A CA would not keep more either.
constexpr std::size_t nonces_max = 10'000;

std::string path_of(const std::string& url) {
    const std::size_t host = url.find("://");
    const std::size_t path = url.find('/', host == std::string::npos ? 0 : host + 3);
    return path == std::string::npos ? std::string("/") : url.substr(path);
}

std::vector<std::string> identifiers_in(const std::string& payload) {
    std::vector<std::string> names;
    const Json order = Json::parse(payload, nullptr, false);
    if (!order.is_object() || !order.contains("identifiers")) return names;
    for (const Json& one : order["identifiers"])
        if (one.is_object() && one.contains("value"))
            names.push_back(one["value"].get<std::string>());
    return names;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
}

bool is_final(const std::string& status) {
    return status == "valid" || status == "invalid" || status == "ready";
}

Reply no_such_resource() {
    return problem(404, "malformed", "no such resource");
}

}  // namespace

Json problem_json(std::string_view type, std::string_view detail) {
    return {{"type", "urn:ietf:params:acme:error:" + std::string(type)}, {"detail", detail}};
}

std::size_t Seen::total() const {
    return std::accumulate(
        asked.begin(), asked.end(), std::size_t{0}, [](std::size_t sum, const auto& entry) {
            return sum + entry.second;
        });
}

FaultCa::FaultCa(const Clock& clock, std::string origin)
    : clock_(clock), origin_(std::move(origin)) {}

std::string FaultCa::url_of(const char* kind, std::uint64_t id) const {
    return origin_ + "/" + kind + "/" + std::to_string(id);
}

std::string FaultCa::fresh_nonce() {
    if (nonces_.size() >= nonces_max) nonces_.clear();
    std::string nonce = base64url_encode(std::to_string(chance_()));
    nonces_.insert(nonce);
    return nonce;
}

void FaultCa::complain(const Request& request, const std::string& what) {
    seen.complaints.push_back(request.method + " " + request.url + ": " + what);
}

// ---- the envelope -------------------------------------------------------------------------------

Reply FaultCa::serve(const Request& request) {
    Opened opened = open(request);
    Asked asked{opened.step, request.url, names_of(opened), ++seen.asked[opened.step]};
    if (down) {
        Reply reply;
        reply.lost = true;
        return reply;
    }
    Reply reply = script.perform(asked, [&] { return execute(request, opened); });
    finish(request, reply);
    return reply;
}

FaultCa::Opened FaultCa::open(const Request& request) const {
    Opened opened;
    const std::string path = path_of(request.url);
    opened.known = false;
    for (const Path& one : plain)
        if (path == one.kind) {
            opened.step = one.step;
            opened.known = true;
        }
    for (const Path& one : numbered)
        if (path.starts_with(one.kind)) {
            const char* digits = path.data() + std::string_view(one.kind).size();
            const auto parsed = std::from_chars(digits, path.data() + path.size(), opened.id);
            opened.known = parsed.ec == std::errc();
            opened.step = one.step;
        }
    if (request.method != "POST") return opened;
    auto jws = open_jws(request.body);
    if (jws)
        opened.jws = std::move(*jws);
    else
        opened.trouble = jws.error().message;
    return opened;
}

std::vector<std::string> FaultCa::names_of(const Opened& opened) const {
    if (opened.step == Step::new_order && opened.jws) return identifiers_in(opened.jws->payload);
    if (opened.step == Step::authorization || opened.step == Step::challenge) {
        const auto found = authorizations_.find(opened.id);
        if (found != authorizations_.end()) return {found->second.name};
    }
    const auto found = orders_.find(opened.id);
    return found == orders_.end() ? std::vector<std::string>{} : found->second.names;
}

Reply FaultCa::execute(const Request& request, Opened& opened) {
    if (!opened.known) return no_such_resource();
    if (opened.step == Step::directory) return directory();
    if (opened.step == Step::nonce) {
        if (request.method != "HEAD") complain(request, "a nonce costs no body with HEAD");
        Reply reply;
        reply.header("Replay-Nonce", fresh_nonce());
        return reply;
    }
    if (auto refusal = refuse_envelope(request, opened)) return *refusal;
    if (opened.step == Step::new_account) return new_account(opened);
    if (opened.step == Step::new_order) return new_order(opened);

    const bool of_name = opened.step == Step::authorization || opened.step == Step::challenge;
    if (of_name) {
        const auto found = authorizations_.find(opened.id);
        if (found == authorizations_.end()) return no_such_resource();
        if (found->second.account != opened.account->url)
            return problem(403, "unauthorized", "this authorization is another account's");
        return opened.step == Step::challenge ? challenge(opened, found->second)
                                              : poll_authorization(opened.id, found->second);
    }
    const auto found = orders_.find(opened.id);
    if (found == orders_.end()) return no_such_resource();
    if (found->second.account != opened.account->url)
        return problem(403, "unauthorized", "this order is another account's");
    if (opened.step == Step::finalize) return finalize(opened, found->second);
    if (opened.step == Step::certificate) return certificate(found->second);
    return poll_order(opened.id, found->second);
}

std::optional<Reply> FaultCa::refuse_envelope(const Request& request, Opened& opened) {
    if (request.method != "POST" || request.content_type != "application/jose+json") {
        complain(request, "neither POST nor JOSE");
        return problem(405, "malformed", "a POST of application/jose+json, please");
    }
    if (!opened.jws) {
        complain(request, opened.trouble);
        return problem(400, "malformed", opened.trouble);
    }
    if (nonces_.erase(opened.jws->text("nonce")) == 0)
        return problem(400, "badNonce", "this nonce was not given here, or used before");
    if (std::uniform_real_distribution<>{}(chance_) < manners.nonces_refused)
        return problem(400, "badNonce", "this nonce is not liked");
    if (opened.jws->text("url") != request.url) {
        complain(request, "url in the JWS: " + opened.jws->text("url"));
        return problem(400, "unauthorized", "the JWS was made for another URL");
    }
    return find_account(request, opened);
}

std::optional<Reply> FaultCa::find_account(const Request& request, Opened& opened) {
    const SignedRequest& jws = *opened.jws;
    if (opened.step == Step::new_account) {
        const auto key =
            jws.header.contains("jwk") ? read_jwk(jws.header["jwk"]) : Result<AccountKey>{Error{}};
        if (!key || jws.names_account() || (manners.verifies_signatures && !verifies(jws, *key))) {
            complain(request, "newAccount is not signed with the key it shows");
            return problem(400, "malformed", "the signature does not verify");
        }
        return std::nullopt;
    }
    for (auto& [thumbprint, account] : accounts_)
        if (account.url == jws.text("kid")) opened.account = &account;
    if (opened.account == nullptr) return problem(400, "accountDoesNotExist", "no such account");
    if (opened.account->deactivated)
        return problem(403, "unauthorized", "the account was deactivated");
    if (manners.verifies_signatures && !verifies(jws, opened.account->key)) {
        complain(request, "the signature is not the account's");
        return problem(400, "malformed", "the signature does not verify");
    }
    return std::nullopt;
}

void FaultCa::finish(const Request& request, Reply& reply) {
    if (reply.bare) return;
    if (manners.tells_date && reply.header("Date").empty())
        reply.header("Date", http_date(clock_.now() + manners.clock_ahead));
    const bool gives_nonce = request.method == "POST" && manners.nonces_in_answers;
    if (gives_nonce && reply.header("Replay-Nonce").empty())
        reply.header("Replay-Nonce", fresh_nonce());
}

// ---- resources ----------------------------------------------------------------------------------

Reply FaultCa::directory() const {
    Json meta{{"termsOfService", manners.terms}};
    if (manners.external_account_required) meta["externalAccountRequired"] = true;
    for (const std::string& profile : manners.profiles) meta["profiles"][profile] = "a profile";
    return json_reply(200,
                      {{"newNonce", origin_ + "/new-nonce"},
                       {"newAccount", origin_ + "/new-account"},
                       {"newOrder", origin_ + "/new-order"},
                       {"revokeCert", origin_ + "/revoke"},
                       {"keyChange", origin_ + "/key-change"},
                       {"meta", meta}});
}

Reply FaultCa::new_account(const Opened& opened) {
    if (manners.external_account_required)
        return problem(403, "externalAccountRequired", "bring an external account");
    const AccountKey key = read_jwk(opened.jws->header["jwk"]).value();
    seen.account_keys.insert(key.thumbprint);
    const auto [found, made] = accounts_.try_emplace(key.thumbprint);
    Account& account = found->second;
    if (made) {
        ++seen.accounts_made;
        account.key = key;
        account.url = url_of("account", next_++);
    }
    if (account.deactivated)
        return problem(403, "unauthorized", "an account with this key was deactivated");
    Reply reply = json_reply(made ? 201 : 200, {{"status", "valid"}});
    reply.header("Location", account.url);
    return reply;
}

Reply FaultCa::new_order(const Opened& opened) {
    const std::vector<std::string> names = identifiers_in(opened.jws->payload);
    const Json payload = Json::parse(opened.jws->payload, nullptr, false);
    if (names.empty()) return problem(400, "malformed", "an order without identifiers");
    const std::string profile = payload.value("profile", "");
    const auto& known = manners.profiles;
    if (!profile.empty() && std::find(known.begin(), known.end(), profile) == known.end())
        return problem(400, "invalidProfile", "no such profile");
    std::optional<std::uint64_t> id;
    if (manners.reuses_orders) id = open_order_of(names, *opened.account);
    if (!id) id = make_order(names, profile, *opened.account);
    Reply reply = show_order(*id, orders_.at(*id));
    reply.status = 201;
    reply.header("Location", url_of("order", *id));
    return reply;
}

std::optional<std::uint64_t> FaultCa::open_order_of(const std::vector<std::string>& names,
                                                    const Account& account) {
    for (auto& [id, order] : orders_) {
        update(order);
        const bool open = order.status == "pending" || order.status == "ready";
        if (open && order.account == account.url && sorted(order.names) == sorted(names)) return id;
    }
    return std::nullopt;
}

std::uint64_t FaultCa::make_order(const std::vector<std::string>& names,
                                  const std::string& profile,
                                  const Account& account) {
    const std::uint64_t id = next_++;
    Order& order = orders_[id];
    order.names = names;
    order.profile = profile;
    order.account = account.url;
    order.expires = clock_.now() + manners.order_life;
    for (const std::string& name : names) {
        const std::uint64_t one = next_++;
        Authorization& authorization = authorizations_[one];
        authorization.name = name;
        authorization.account = account.url;
        authorization.token = "token-" + std::to_string(chance_());
        if (manners.knows_names) authorization.status = "valid";
        order.authorizations.push_back(one);
    }
    ++seen.orders_made;
    seen.placed.push_back(names.front());
    return id;
}

void FaultCa::update(Order& order) {
    if (order.status != "pending" && order.status != "ready") return;
    if (order.expires <= clock_.now()) {
        order.status = "invalid";
        order.error = problem_json("malformed", "the order expired");
        return;
    }
    if (order.status == "ready") return;
    bool all_valid = true;
    for (const std::uint64_t id : order.authorizations) {
        const Authorization& one = authorizations_.at(id);
        if (one.status == "invalid") order.status = "invalid";
        all_valid = all_valid && one.status == "valid";
    }
    if (all_valid) order.status = "ready";
}

void FaultCa::add_patience(Reply& reply) const {
    if (!manners.retry_after.empty()) reply.header("Retry-After", manners.retry_after);
}

Reply FaultCa::show_order(std::uint64_t id, Order& order) {
    update(order);
    Json body{{"status", order.status},
              {"expires", rfc3339(order.expires)},
              {"finalize", url_of("finalize", id)},
              {"identifiers", Json::array()},
              {"authorizations", Json::array()}};
    for (const std::string& name : order.names)
        body["identifiers"].push_back({{"type", "dns"}, {"value", name}});
    for (const std::uint64_t one : order.authorizations)
        body["authorizations"].push_back(url_of("authorization", one));
    if (order.status == "valid") body["certificate"] = url_of("certificate", id);
    if (order.error) body["error"] = *order.error;
    Reply reply = json_reply(200, body);
    if (!is_final(order.status)) add_patience(reply);
    return reply;
}

Reply FaultCa::poll_order(std::uint64_t id, Order& order) {
    const bool makes = order.status == "processing" && manners.polls_until_issued != Manners::never;
    if (makes && ++order.polls > manners.polls_until_issued) order.status = "valid";
    return show_order(id, order);
}

Json FaultCa::challenge_json(std::uint64_t id,
                             const Authorization& authorization,
                             const std::string& type) const {
    Json body{{"type", type},
              {"url", url_of("challenge", id) + "/" + type},
              {"status", authorization.told ? "processing" : "pending"},
              {"token", authorization.token}};
    if (is_final(authorization.status)) body["status"] = authorization.status;
    if (authorization.error) body["error"] = *authorization.error;
    return body;
}

Reply FaultCa::show_authorization(std::uint64_t id, Authorization& authorization) {
    Json body{{"status", authorization.status},
              {"identifier", {{"type", "dns"}, {"value", authorization.name}}},
              {"challenges", Json::array()}};
    for (const std::string& type : manners.challenge_types)
        body["challenges"].push_back(challenge_json(id, authorization, type));
    Reply reply = json_reply(200, body);
    if (!is_final(authorization.status)) add_patience(reply);
    return reply;
}

Reply FaultCa::poll_authorization(std::uint64_t id, Authorization& authorization) {
    settle(authorization);
    return show_authorization(id, authorization);
}

void FaultCa::settle(Authorization& authorization) {
    if (!authorization.told || authorization.status != "pending") return;
    if (manners.polls_until_valid == Manners::never) return;
    if (++authorization.polls <= manners.polls_until_valid) return;
    std::string thumbprint;
    for (const auto& [key, account] : accounts_)
        if (account.url == authorization.account) thumbprint = key;
    if (validate)
        authorization.error = validate(authorization.name, authorization.token + "." + thumbprint);
    authorization.status = authorization.error ? "invalid" : "valid";
}

Reply FaultCa::challenge(const Opened& opened, Authorization& authorization) {
    const bool tells = !opened.jws->payload.empty();
    if (tells && authorization.status != "pending")
        return problem(400, "malformed", "the authorization is final");
    if (tells) authorization.told = true;
    Reply reply = json_reply(200, challenge_json(opened.id, authorization, "tls-alpn-01"));
    add_patience(reply);
    return reply;
}

Reply FaultCa::finalize(const Opened& opened, Order& order) {
    update(order);
    if (order.status == "pending") return problem(403, "orderNotReady", "not yet");
    if (order.status != "ready") {
        ++seen.finalized_twice;
        return problem(400, "malformed", "this order is " + order.status);
    }
    const Json payload = Json::parse(opened.jws->payload, nullptr, false);
    const auto csr = base64url_decode(payload.value("csr", ""));
    if (!csr || sorted(Issuer::names_in(*csr)) != sorted(order.names)) {
        seen.complaints.push_back("finalize: the CSR has other names than the order");
        return problem(400, "badCSR", "the CSR has other names than the order");
    }
    const WallTime from = clock_.now() - manners.backdated;
    Issuer::Leaf leaf{order.names, from, from + manners.lifetime + manners.backdated};
    if (spoil) spoil(leaf);
    order.certificate = issuer_.issue_parts(*csr, leaf);
    ++seen.finalized;
    ++seen.issued;
    order.status = manners.polls_until_issued == 0 ? "valid" : "processing";
    return show_order(opened.id, order);
}

Reply FaultCa::certificate(const Order& order) {
    if (!order.certificate || order.status != "valid") return no_such_resource();
    ++seen.downloads;
    Reply reply;
    reply.header("Content-Type", "application/pem-certificate-chain");
    const Issuer::Parts& parts = *order.certificate;
    reply.body = compose ? compose(parts) : parts.leaf + parts.intermediate;
    return reply;
}

// ---- what befalls it ----------------------------------------------------------------------------

void FaultCa::forget_orders() {
    orders_.clear();
    authorizations_.clear();
}

void FaultCa::deactivate_accounts() {
    for (auto& [key, account] : accounts_) account.deactivated = true;
}

void FaultCa::reactivate_accounts() {
    for (auto& [key, account] : accounts_) account.deactivated = false;
}

void FaultCa::fail_open_orders(const std::string& type, const std::string& detail) {
    for (auto& [id, order] : orders_) {
        if (order.status == "valid") continue;
        order.status = "invalid";
        order.error = problem_json(type, detail);
    }
}

}  // namespace mesh::fault
