#include "providers/docker_look.hpp"

#include "config/quote.hpp"
#include "providers/docker_json.hpp"
#include "providers/docker_labels.hpp"
#include "providers/endpoint.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::chrono::milliseconds docker_timeout_default{30'000};
constexpr std::size_t docker_words_max = 200;
constexpr int status_ok = 200;
constexpr int status_not_found = 404;
/// From this on it is the daemon itself that fails to tell; below, what does not want it told.
constexpr int status_trouble_of_one = 500;
constexpr const char* list_path = "/containers/json";
/// {"status":["running","paused"]}: without, Podman's list has none that is paused.
constexpr const char* list_filters =
    "?filters=%7B%22status%22%3A%5B%22running%22%2C%22paused%22%5D%7D";

}  // namespace

Error docker_refusal(const std::string& what, const http::Response& response) {
    std::string message = what + ": " + std::to_string(response.status);
    std::string wrong;
    std::string words;
    if (const auto document = parse_docker_json(response.body))
        words = DockerMembers(document->root, "", wrong).text("message");
    if (!words.empty()) message += ": " + config::printable(words, docker_words_max);
    return Error{Errc::io, Origin::upstream, std::move(message)};
}

DockerLook::DockerLook(const model::DockerProvider& settings, const Surroundings& surroundings)
    : settings_(settings), http_(surroundings.http), executor_(surroundings.executor) {}

http::Request DockerLook::request(const std::string& path, std::size_t size_max) const {
    http::Request out = get(settings_.endpoint, path);
    const auto timeout = settings_.http_client_timeout;
    out.timeout = timeout.count() > 0 ? timeout : docker_timeout_default;
    out.body_size_max = size_max;
    return out;
}

void DockerLook::touch(const std::string& id) {
    touched_.insert(id);
    if (touched_.size() > touched_max) all_touched_ = true;
    if (all_touched_) touched_.clear();
}

void DockerLook::touch_unlisted_health() {
    for (auto& [id, known] : known_)
        if (known.listed.health == Container::Health::none &&
            known.inspected.health != Container::Health::none)
            known.fresh = false;
}

bool DockerLook::is_known_health(const std::string& id, Container::Health health) const {
    if (is_under_way() || all_touched_ || touched_.contains(id)) return false;
    const auto known = known_.find(id);
    if (known == known_.end()) return listed_.contains(id) && !wanted_.contains(id);
    return known->second.fresh && known->second.inspected.health == health;
}

void DockerLook::begin(Done done) {
    cancel();
    done_ = std::move(done);
    waiting_.clear();
    wanted_.clear();
    gone_.clear();
    notices_.clear();
    refusal_.clear();
    is_forbidden_ = false;
    // Before the list is asked for: what is touched from now on may be newer than its answer.
    forget_touched();
    list_ = http_.send(request(std::string(list_path) + list_filters, container_list_size_max),
                       executor_,
                       [this](const Result<http::Response>& answer) { take_list(answer); });
}

void DockerLook::cancel() {
    done_ = nullptr;
    if (list_ != 0) http_.cancel(std::exchange(list_, 0));
    for (const auto& [id, request] : asked_) http_.cancel(request);
    asked_.clear();
}

void DockerLook::forget_touched() {
    for (auto& [id, known] : known_)
        if (all_touched_ || touched_.contains(id)) known.fresh = false;
    touched_.clear();
    all_touched_ = false;
}

void DockerLook::take_list(const Result<http::Response>& answer) {
    list_ = 0;
    const std::string what = std::string("GET ") + list_path;
    if (!answer) return fail(answer.error());
    if (answer->status != status_ok) return fail(docker_refusal(what, *answer));
    auto containers = parse_container_list(answer->body);
    if (!containers) return fail(with_context(what, containers.error()));
    listed_.clear();
    for (Container& container : *containers) {
        std::string id = container.id;
        listed_.emplace(std::move(id), std::move(container));
    }
    std::erase_if(known_, [this](const auto& entry) { return !listed_.contains(entry.first); });
    choose();
    ask_more();
}

void DockerLook::choose() {
    for (const auto& [id, container] : listed_)
        if (container.running && is_wanted_by_labels(container, settings_)) want(container);
    want_network_owners();
}

void DockerLook::want(const Container& listed) {
    if (!wanted_.insert(listed.id).second) return;
    const auto known = known_.find(listed.id);
    if (known == known_.end() || !known->second.fresh || known->second.listed != listed)
        waiting_.push_back(listed.id);
}

/// Those of containers that are inspected already; a list need not say whose network one uses.
void DockerLook::want_network_owners() {
    std::vector<std::string_view> owners;
    for (const std::string& id : wanted_) {
        const auto known = known_.find(id);
        const Container& container =
            known == known_.end() ? listed_.at(id) : known->second.inspected;
        if (const auto owner = docker_network_owner(container); !owner.empty())
            owners.push_back(owner);
    }
    if (owners.empty()) return;
    std::map<std::string_view, const Container*> by_name;
    for (const auto& [id, container] : listed_) {
        by_name.emplace(id, &container);
        by_name.emplace(container.name, &container);
    }
    for (const std::string_view owner : owners)
        if (const auto found = by_name.find(owner); found != by_name.end()) want(*found->second);
}

void DockerLook::ask_more() {
    if (waiting_.empty() && asked_.empty()) want_network_owners();
    while (asked_.size() < at_once && !waiting_.empty()) {
        const std::string id = std::move(waiting_.front());
        waiting_.pop_front();
        inspect(id);
    }
    if (asked_.empty()) finish();
}

void DockerLook::inspect(const std::string& id) {
    asked_[id] = http_.send(request("/containers/" + id + "/json", container_size_max),
                            executor_,
                            [this, id](const Result<http::Response>& answer) {
                                asked_.erase(id);
                                take_container(id, answer);
                            });
}

void DockerLook::take_container(const std::string& id, const Result<http::Response>& answer) {
    const bool is_too_large = !answer && answer.error().code == Errc::limit;
    if (!answer && !is_too_large) return fail(answer.error());
    if (is_too_large) {
        keep_earlier_form(id, answer.error().message);
    } else if (answer->status == status_not_found) {
        known_.erase(id);
        gone_.insert(id);
    } else if (answer->status != status_ok) {
        is_forbidden_ = is_forbidden_ || answer->status < status_trouble_of_one;
        keep_earlier_form(id, docker_refusal("GET /containers/ID/json", *answer).message);
    } else if (auto container = parse_container(answer->body); !container) {
        keep_earlier_form(id, container.error().message);
    } else {
        known_[id] = Known{listed_.at(id), std::move(*container), true};
    }
    ask_more();
}

void DockerLook::keep_earlier_form(const std::string& id, const std::string& reason) {
    refusal_ = reason;
    notices_.push_back({listed_.at(id).name,
                        docker_unreadable_event,
                        "the daemon does not tell about a container; it stays as it was, or is "
                        "left out",
                        reason});
}

void DockerLook::finish() {
    // Not the trouble of one container: an inventory that is empty, or has become so, would be
    // taken for the truth.
    const bool knows_some = std::any_of(
        wanted_.begin(), wanted_.end(), [this](const auto& id) { return known_.contains(id); });
    if (!refusal_.empty() && !knows_some && (is_forbidden_ || knew_some_))
        return fail(
            Error{Errc::io, Origin::upstream, "no container can be inspected: " + refusal_});
    knew_some_ = knows_some;
    Seen seen;
    seen.notices = std::exchange(notices_, {});
    for (const auto& [id, container] : listed_) {
        const auto known = known_.find(id);
        if (gone_.contains(id)) continue;
        if (!wanted_.contains(id))
            seen.containers.push_back(container);
        else if (known != known_.end())
            seen.containers.push_back(known->second.inspected);
    }
    const Done done = std::exchange(done_, nullptr);
    done(std::move(seen));
}

void DockerLook::fail(Error error) {
    const Done done = std::exchange(done_, nullptr);
    cancel();
    if (done) done(std::move(error));
}

}  // namespace mesh::providers
