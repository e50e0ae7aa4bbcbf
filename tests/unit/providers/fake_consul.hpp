#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "http/client.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mesh::test {

/// An agent of Consul as an HTTP client: its queries block, and wake when what they ask for
/// changes. Answers are posted, as the client's contract says.
class FakeConsul final : public http::Client {
 public:
    struct Instance {
        std::string id;
        std::string status = "passing";
        std::string address = "10.0.0.1";
    };

    http::RequestId send(http::Request request, Executor& executor, http::Completion done) override;
    void cancel(http::RequestId id) override { open_.erase(id); }

    /// Registers a service or changes it, and wakes who waits for that. `tags` are those of every
    /// instance.
    void put(const std::string& service,
             const std::vector<std::string>& tags,
             const std::vector<Instance>& instances);
    void remove(const std::string& service);
    /// The check of the node itself turns critical.
    void fail_node();
    /// The agent is gone: who waits is cut off, who asks finds nobody.
    void stop();
    void start() { is_up_ = true; }
    /// Forgets everything, its indexes too, as a server does that lost its state.
    void lose_state();
    /// What requests whose path contains `part` get instead of an answer; nothing: they hang.
    void script(const std::string& part, std::optional<Result<http::Response>> answer);
    void unscript() { scripts_.clear(); }
    /// Whether answers have an X-Consul-Index.
    bool with_index = true;
    /// Whether queries with an index wait; otherwise all are answered at once.
    bool blocks = true;
    /// Queries with an index get 429.
    bool refuse_blocking = false;
    /// Answers come by turns from two servers whose indexes differ.
    bool index_shakes = false;

    [[nodiscard]] const std::vector<http::Request>& sent() const { return sent_; }
    [[nodiscard]] std::size_t count(const std::string& part) const;
    [[nodiscard]] std::size_t open() const { return open_.size(); }
    [[nodiscard]] std::size_t open(const std::string& part) const;
    /// Most plain requests of services that were open at a time.
    [[nodiscard]] std::size_t plain_at_once() const { return plain_at_once_; }

 private:
    struct Service {
        std::vector<std::string> tags;
        std::vector<Instance> instances;
        std::uint64_t index = 0;
    };
    struct Open {
        std::string path;
        std::uint64_t index = 0;
        Executor* executor = nullptr;
        http::Completion done;
    };

    [[nodiscard]] std::uint64_t index_of(const std::string& path) const;
    [[nodiscard]] std::string body_of(const std::string& path) const;
    [[nodiscard]] std::string checks_in(const std::string& state) const;
    [[nodiscard]] bool node_is(const std::string& state) const {
        return node_failed_ && state == "critical";
    }
    void post(http::RequestId id, std::function<Result<http::Response>()> answer);
    void wake();
    void wake_if_due(http::RequestId id);

    bool is_up_ = true;
    bool node_failed_ = false;
    std::uint64_t index_ = 10;
    std::uint64_t catalog_index_ = 10;
    std::map<std::string, std::uint64_t> state_index_;
    std::map<std::string, Service> services_;
    std::map<std::string, std::optional<Result<http::Response>>> scripts_;
    std::vector<http::Request> sent_;
    std::size_t plain_at_once_ = 0;
    http::RequestId last_ = 0;
    std::map<http::RequestId, Open> open_;
};

/// Keeps every line as "LEVEL event message key=value ...".
class LinesLog final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }
    [[nodiscard]] std::size_t count(const std::string& part) const;
    std::vector<std::string> lines;
};

}  // namespace mesh::test
