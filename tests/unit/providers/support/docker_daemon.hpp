#pragma once
#include "http/client.hpp"
#include "unit/providers/support/docker_json.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mesh::providers::test {

/// An http::Client whose server is a Docker daemon of a test's making. Answers are posted, as the
/// contract says; nothing is answered while `holds`.
class DockerDaemon final : public http::Client {
 public:
    http::RequestId send(http::Request request,
                         Executor& executor,
                         http::Completion done) override {
        const http::RequestId id = ++last_;
        const std::string path = request.url.substr(request.url.find('/', 8));
        sent.push_back(request);
        paths.push_back(path);
        open_.emplace(id, Open{path, std::move(request), &executor, std::move(done)});
        if (holds && holds(path)) return id;
        answer(id);
        return id;
    }
    void cancel(http::RequestId id) override { open_.erase(id); }

    /// Answers what was held back.
    void release() {
        holds = nullptr;
        std::vector<http::RequestId> held;
        for (const auto& [id, open] : open_)
            if (!open.path.starts_with("/events")) held.push_back(id);
        for (const http::RequestId id : held) answer(id);
    }

    /// Bytes on every open stream of events. False when one does not want them.
    bool emit(const std::string& bytes) {
        bool wanted = true;
        for (auto& [id, open] : open_)
            if (open.path.starts_with("/events")) wanted = open.request.body_sink(bytes) && wanted;
        return wanted;
    }
    bool event(const std::string& action, const std::string& id) {
        return emit(R"({"Type":"container","Action":")" + action + R"(","Actor":{"ID":")" + id +
                    "\"}}\n");
    }
    /// What an exchange that goes on ends with.
    void end_stream(const Result<http::Response>& how) {
        std::vector<http::RequestId> streams;
        for (const auto& [id, open] : open_)
            if (open.path.starts_with("/events")) streams.push_back(id);
        for (const http::RequestId id : streams) post(id, how);
    }

    void add(DaemonContainer container) {
        std::string id = container.id;
        containers.insert_or_assign(std::move(id), std::move(container));
    }
    [[nodiscard]] std::size_t count(const std::string& path) const {
        return static_cast<std::size_t>(std::count(paths.begin(), paths.end(), path));
    }
    [[nodiscard]] std::size_t lists() const { return count_of("/containers/json"); }
    [[nodiscard]] std::size_t inspections(const std::string& id) const {
        return count("/containers/" + id + "/json");
    }
    [[nodiscard]] std::size_t streams() const { return count_of("/events"); }
    /// Whatever is asked for.
    [[nodiscard]] std::size_t count_of(const std::string& begin) const {
        return static_cast<std::size_t>(
            std::count_if(paths.begin(), paths.end(), [&](const std::string& path) {
                return path.starts_with(begin);
            }));
    }
    [[nodiscard]] std::size_t open() const { return open_.size(); }

    std::map<std::string, DaemonContainer> containers;
    bool is_down = false;
    /// What it says instead, by path.
    std::map<std::string, Result<http::Response>> instead;
    std::function<bool(const std::string& path)> holds;
    std::vector<http::Request> sent;
    std::vector<std::string> paths;

    static http::Response response(int status, std::string body) {
        return {status, {}, std::move(body)};
    }

 private:
    struct Open {
        std::string path;
        http::Request request;
        Executor* executor;
        http::Completion done;
    };

    void answer(http::RequestId id) {
        const std::string& path = open_.at(id).path;
        if (is_down) return post(id, Error{Errc::io, Origin::upstream, "connection refused"});
        const std::string name = path.substr(0, path.find('?'));
        if (const auto found = instead.find(name); found != instead.end())
            return post(id, found->second);
        if (name == "/events") return;
        post(id, tell(name));
    }

    [[nodiscard]] http::Response tell(const std::string& path) const {
        if (path == "/containers/json") {
            nlohmann::json all = nlohmann::json::array();
            for (const auto& [id, container] : containers)
                if (container.running) all.push_back(container.listed());
            return response(200, all.dump());
        }
        const std::size_t begin = std::string("/containers/").size();
        const auto found = containers.find(path.substr(begin, path.find('/', begin) - begin));
        if (found == containers.end()) return response(404, R"({"message":"No such container"})");
        return response(200, found->second.inspected().dump());
    }

    void post(http::RequestId id, const Result<http::Response>& result) {
        open_.at(id).executor->post([this, id, result] {
            const auto found = open_.find(id);
            if (found == open_.end()) return;
            const http::Completion done = std::move(found->second.done);
            open_.erase(found);
            done(result);
        });
    }

    http::RequestId last_ = 0;
    std::map<http::RequestId, Open> open_;
};

}  // namespace mesh::providers::test
