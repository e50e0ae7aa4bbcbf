#include "app/name_resolution.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>

using namespace mesh::app;
using namespace std::chrono_literals;

namespace {

/// What was published; waits for a name.
class Published {
 public:
    void add(const std::string& host, std::vector<std::string> literals) {
        {
            const std::lock_guard lock(mutex_);
            all_[host] = std::move(literals);
        }
        wake_.notify_all();
    }
    [[nodiscard]] bool has(const std::string& host) {
        std::unique_lock lock(mutex_);
        return wake_.wait_for(lock, 10s, [&] { return all_.count(host) != 0; });
    }
    /// With no literals: it is to be forgotten.
    [[nodiscard]] bool has(const std::string& host, const std::vector<std::string>& literals) {
        std::unique_lock lock(mutex_);
        return wake_.wait_for(
            lock, 10s, [&] { return all_.count(host) != 0 && all_.at(host) == literals; });
    }
    [[nodiscard]] std::size_t size() {
        const std::lock_guard lock(mutex_);
        return all_.size();
    }

 private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, std::vector<std::string>> all_;
};

/// A name server that is silent about names that begin with "dead" until it is told to answer.
struct Resolver {
    std::promise<void> gate;
    std::shared_future<void> opened{gate.get_future()};
    std::promise<void> asked;
    std::atomic<bool> asked_once{false};
    std::atomic<int> answered{0};
};

NameResolution::Resolve ask(const std::shared_ptr<Resolver>& resolver) {
    return [resolver](const std::string& host) -> std::vector<std::string> {
        if (host.rfind("dead", 0) == 0) {
            if (!resolver->asked_once.exchange(true)) resolver->asked.set_value();
            resolver->opened.wait();
        }
        ++resolver->answered;
        return {"192.0.2.1"};
    };
}

}  // namespace

TEST_CASE("name resolution: a silent name server does not hold up the other names") {
    const auto resolver = std::make_shared<Resolver>();
    Published published;
    const NameResolution names(
        {"dead.example", "live.example", "other.example"},
        [&](const std::string& host, auto literals) { published.add(host, std::move(literals)); },
        ask(resolver));
    CHECK(published.has("live.example"));
    CHECK(published.has("other.example"));
    CHECK(published.size() == 2);
    resolver->gate.set_value();
    CHECK(published.has("dead.example"));
}

TEST_CASE("name resolution: ends at once while a name server is silent, and publishes no more") {
    const auto resolver = std::make_shared<Resolver>();
    {
        std::atomic<int> calls{0};
        NameResolution names(
            {"dead.example"}, [&](const std::string&, auto) { ++calls; }, ask(resolver));
        REQUIRE(resolver->asked.get_future().wait_for(10s) == std::future_status::ready);
    }
    // Only now does the answer come, and `calls` is gone.
    resolver->gate.set_value();
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (resolver->answered == 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::yield();
    CHECK(resolver->answered == 1);
}

TEST_CASE("name resolution: other hosts are asked for at once, those that went no more") {
    Published published;
    const auto resolver = std::make_shared<Resolver>();
    const auto publish = [&](const std::string& host, auto literals) {
        published.add(host, std::move(literals));
    };
    NameResolution names({}, publish, ask(resolver));

    CHECK(names.set_hosts({"dead.internal", "a.internal"}).has_value());
    CHECK(published.has("a.internal"));
    resolver->asked.get_future().wait();
    CHECK(names.set_hosts({"b.internal"}).has_value());
    CHECK(names.set_hosts({"b.internal", "dead.internal", "c.internal"}).has_value());
    CHECK(published.has("b.internal"));
    CHECK(published.has("c.internal"));
    resolver->gate.set_value();
    CHECK(published.has("dead.internal"));
    CHECK(resolver->answered == 4);
}

TEST_CASE("name resolution: hosts asked for ahead are known when they are set") {
    Published published;
    const auto resolver = std::make_shared<Resolver>();
    NameResolution names(
        {},
        [&](const std::string& host, auto literals) { published.add(host, std::move(literals)); },
        ask(resolver));

    CHECK(names.ahead().resolve({"a.internal", "b.internal"}, 10s).empty());
    const auto unknown = names.ahead().resolve({"a.internal", "dead.internal", "b.internal"}, 1s);

    CHECK(unknown == std::set<std::string>{"dead.internal"});
    CHECK(published.size() == 2);
    CHECK(names.set_hosts({"a.internal", "dead.internal"}).has_value());
    resolver->gate.set_value();
    CHECK(published.has("dead.internal"));
    CHECK(names.ahead().resolve({"a.internal", "dead.internal"}, 10s).empty());
}

TEST_CASE("name resolution: who waits for a silent name server is let go with the end") {
    const auto resolver = std::make_shared<Resolver>();
    auto names = std::make_unique<NameResolution>(
        std::set<std::string>{}, [](const std::string&, auto) {}, ask(resolver));
    auto waiting = std::async(std::launch::async, [ahead = names->ahead()] {
        return ahead.resolve({"dead.internal"}, 1h);
    });
    resolver->asked.get_future().wait();
    names.reset();

    REQUIRE(waiting.wait_for(10s) == std::future_status::ready);
    CHECK(waiting.get() == std::set<std::string>{"dead.internal"});
    resolver->gate.set_value();
}

TEST_CASE(
    "name resolution: a host that is none any more is forgotten, one that comes back is not") {
    Published published;
    const auto resolver = std::make_shared<Resolver>();
    NameResolution names(
        {"a.internal", "b.internal"},
        [&](const std::string& host, auto literals) { published.add(host, std::move(literals)); },
        ask(resolver),
        {30s, 20ms});
    CHECK(published.has("a.internal"));
    CHECK(published.has("b.internal"));

    CHECK(names.set_hosts({"b.internal"}).has_value());

    CHECK(published.has("a.internal", {}));
    CHECK(published.has("b.internal", {"192.0.2.1"}));
    CHECK(names.set_hosts({"a.internal"}).has_value());
    CHECK(published.has("a.internal", {"192.0.2.1"}));
    // Asked for ahead of a reload that was refused, and perhaps forgotten before that is told.
    (void)names.ahead().resolve({"c.internal"}, 10s);
    CHECK(published.has("c.internal", {}));
}

TEST_CASE("name resolution: a name without an address is asked for again soon, then less often") {
    Published published;
    std::mutex mutex;
    std::vector<std::chrono::steady_clock::time_point> asked;
    const NameResolution names(
        {"late.internal"},
        [&](const std::string& host, auto literals) { published.add(host, std::move(literals)); },
        [&](const std::string&) -> std::vector<std::string> {
            const std::lock_guard lock(mutex);
            asked.push_back(std::chrono::steady_clock::now());
            if (asked.size() < 5) return {};
            return {"192.0.2.1"};
        },
        {1h, 1h, 20ms});
    CHECK(published.has("late.internal"));
    const std::lock_guard lock(mutex);
    REQUIRE(asked.size() == 5);
    CHECK(asked[1] - asked[0] >= 20ms);
    CHECK(asked[4] - asked[3] >= 160ms);
}
