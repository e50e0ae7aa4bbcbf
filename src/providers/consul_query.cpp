#include "providers/consul_query.hpp"

#include "base/ascii.hpp"
#include "config/quote.hpp"
#include "providers/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::chrono::seconds wait_longest{300};
constexpr unsigned wait_spread = 45;  ///< seconds
constexpr std::chrono::seconds answer_time{30};
constexpr std::size_t reason_size_max = 200;
/// A blocking query that comes back sooner has not waited.
constexpr std::chrono::seconds soon{1};
constexpr std::chrono::milliseconds own_pause_first{50};
constexpr std::chrono::milliseconds own_pause_of_news{250};
constexpr std::chrono::milliseconds own_pause_of_nothing{2'000};
constexpr int in_vain_max = 8;

std::string url_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
            c == '.' || c == '~') {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        }
    }
    return out;
}

std::string without_token(std::string text, const Secret& token) {
    const std::string_view secret = token.reveal();
    if (secret.empty()) return text;
    constexpr std::string_view instead = "...";
    for (auto at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + instead.size()))
        text.replace(at, secret.size(), instead);
    return text;
}

}  // namespace

std::string health_path(std::string_view service) {
    return "/v1/health/service/" + url_encoded(service);
}

std::chrono::seconds wait_of(std::string_view path) {
    return wait_longest - std::chrono::seconds{std::hash<std::string_view>{}(path) % wait_spread};
}

http::Request consul_request(const model::ConsulCatalogProvider& settings,
                             std::string_view path,
                             std::uint64_t index,
                             std::chrono::seconds wait) {
    std::string full(path);
    char separator = '?';
    const auto add = [&](std::string_view key, std::string_view value) {
        full.append(1, std::exchange(separator, '&')).append(key).append("=").append(value);
    };
    if (!settings.datacenter.empty()) add("dc", url_encoded(settings.datacenter));
    if (index > 0) {
        add("index", std::to_string(index));
        add("wait", std::to_string(wait.count()) + "s");
    }
    http::Request request = get(settings.endpoint, full);
    if (!settings.token.empty())
        request.headers.emplace_back("X-Consul-Token", settings.token.reveal());
    request.timeout = answer_time;
    if (index > 0) request.timeout += wait + wait / 16;
    return request;
}

std::optional<std::uint64_t> next_index(std::uint64_t before, const http::Response& response) {
    const std::string_view text = response.header("X-Consul-Index");
    std::uint64_t seen = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seen);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    if (seen < before) return 0;
    return std::max<std::uint64_t>(seen, 1);
}

Error refusal_of(const http::Response& response, const model::ConsulCatalogProvider& settings) {
    if (response.status == 403)
        return {Errc::permission,
                Origin::upstream,
                "Permission denied; the token needs service:read and node:read"};
    std::string reason = "Consul answered " + std::to_string(response.status);
    const std::string text =
        config::printable(without_token(response.body, settings.token), reason_size_max);
    if (!text.empty()) reason += ": " + text;
    return {Errc::io, Origin::upstream, std::move(reason)};
}

ConsulQuery::ConsulQuery(const model::ConsulCatalogProvider& settings,
                         const Surroundings& surroundings,
                         ConsulPace& pace,
                         About about,
                         Taken taken)
    : settings_(settings),
      surroundings_(surroundings),
      pace_(pace),
      about_(std::move(about)),
      taken_(std::move(taken)) {}

ConsulQuery::~ConsulQuery() {
    stop();
}

void ConsulQuery::read_after(std::chrono::milliseconds pause) {
    index_ = 0;
    watching_ = false;
    ask_after(pause);
}

void ConsulQuery::watch_after(std::chrono::milliseconds pause) {
    watching_ = true;
    // Without an index there is nothing to wait for: then it is asked as often as without watching.
    ask_after(std::max(indexed_ ? own_pause_ : settings_.refresh_interval, pause));
}

void ConsulQuery::stop() {
    ++*turn_;
    pausing_ = false;
    if (request_) surroundings_.http.cancel(*std::exchange(request_, std::nullopt));
}

void ConsulQuery::ask_after(std::chrono::milliseconds pause) {
    stop();
    pause_for(pause, &ConsulQuery::book);
}

void ConsulQuery::pause_for(std::chrono::milliseconds pause, void (ConsulQuery::*then)()) {
    if (pause.count() <= 0) return (this->*then)();
    pausing_ = true;
    surroundings_.executor.post_after(
        pause, [this, then, turn = *turn_, current = std::weak_ptr<const std::uint64_t>(turn_)] {
            const auto now = current.lock();
            if (!now || *now != turn) return;
            pausing_ = false;
            (this->*then)();
        });
}

void ConsulQuery::book() {
    pause_for(pace_.book(), &ConsulQuery::ask);
}

void ConsulQuery::ask() {
    http::Request request = consul_request(settings_, about_.path, index_, wait_of(about_.path));
    if (about_.body_size_max == 0)
        request.body_sink = [](std::string_view) { return true; };
    else
        request.body_size_max = about_.body_size_max;
    asked_ = surroundings_.clock.steady_now();
    request_ = surroundings_.http.send(
        std::move(request), surroundings_.executor, [this](Result<http::Response> answer) {
            request_.reset();
            take(std::move(answer));
        });
}

void ConsulQuery::take(Result<http::Response> answer) {
    waited_ = surroundings_.clock.steady_now() - asked_ >= soon;
    answered_ = answer.has_value() || answer.error().code == Errc::limit;
    if (answer && answer->status != 200) answer = refusal_of(*answer, settings_);
    const std::uint64_t before = index_;
    if (answer) {
        const auto index = next_index(index_, *answer);
        indexed_ = index.has_value();
        index_ = index.value_or(0);
    }
    judge(answer, before);
    taken_(std::move(answer));
}

/// How soon the next may be asked: what flaps must not keep everybody busy, nor an agent that
/// answers at once because it knows no blocking queries.
void ConsulQuery::judge(const Result<http::Response>& answer, std::uint64_t before) {
    const std::size_t content = answer ? std::hash<std::string>{}(answer->body) : content_;
    const bool news = content != std::exchange(content_, content);
    if (!watching_) return;
    if (waited_ || (answer && !indexed_)) {
        own_pause_ = own_pause_first;
        in_vain_ = 0;
        return;
    }
    const bool grown = answer && before != 0 && index_ > before;
    own_pause_ = std::min(std::max(2 * own_pause_, own_pause_first),
                          news || grown ? own_pause_of_news : own_pause_of_nothing);
    if (!answer)
        note_vain(answer.error().message);
    else if (!news && !grown)
        note_vain("it answers at once");
    else
        in_vain_ = 0;
}

void ConsulQuery::note_vain(std::string_view why) {
    if (++in_vain_ == in_vain_max) pace_.tell_not_blocking(about_.path, why);
}

}  // namespace mesh::providers
