#include "unit/providers/fake_consul.hpp"

#include <algorithm>
#include <utility>

namespace mesh::test {
namespace {

const std::string service_path = "/v1/health/service/";
const std::string state_path = "/v1/health/state/";

std::string path_in(const std::string& url) {
    const std::size_t begin = url.find('/', url.find("://") + 3);
    return url.substr(begin, url.find('?') - begin);
}

std::uint64_t index_in(const std::string& url) {
    const std::size_t at = url.find("index=");
    return at == std::string::npos ? 0 : std::stoull(url.substr(at + 6));
}

std::string quoted_list(const std::vector<std::string>& texts) {
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "\"" : ",\"") + text + "\"";
    return "[" + list + "]";
}

std::string entry_of(const FakeConsul::Instance& instance, const std::string& tags) {
    return R"({"Node":{"Node":"n1","Address":"10.9.9.9"},"Service":{"ID":")" + instance.id +
           R"(","Tags":)" + tags + R"(,"Address":")" + instance.address +
           R"(","Port":80},"Checks":[{"Status":")" + instance.status + R"("}]})";
}

}  // namespace

http::RequestId FakeConsul::send(http::Request request, Executor& executor, http::Completion done) {
    const http::RequestId id = ++last_;
    sent_.push_back(request);
    const std::string path = path_in(request.url);
    open_.emplace(id, Open{path, index_in(request.url), &executor, std::move(done)});
    plain_at_once_ = std::max(
        plain_at_once_,
        static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), [](const auto& entry) {
            return entry.second.index == 0 && entry.second.path.find(service_path) == 0;
        })));
    wake_if_due(id);
    return id;
}

void FakeConsul::wake_if_due(http::RequestId id) {
    const Open& open = open_.at(id);
    for (const auto& [part, answer] : scripts_) {
        if (open.path.find(part) == std::string::npos) continue;
        if (answer) post(id, [given = *answer] { return given; });
        return;
    }
    if (!is_up_)
        return post(id, [] {
            return Error{Errc::io, Origin::upstream, "127.0.0.1:8500 refuses connections"};
        });
    if (refuse_blocking && open.index != 0)
        return post(id, [] {
            http::Response response;
            response.status = 429;
            return response;
        });
    const std::uint64_t index = index_of(open.path);
    if (blocks && open.index != 0 && open.index >= index) return;
    post(id, [this, path = open.path]() -> Result<http::Response> {
        http::Response response;
        response.status = 200;
        response.body = body_of(path);
        if (with_index)
            response.headers.emplace_back(
                "X-Consul-Index",
                std::to_string(index_of(path) + (index_shakes && last_ % 2 == 0 ? 1'000 : 0)));
        return response;
    });
}

void FakeConsul::post(http::RequestId id, std::function<Result<http::Response>()> answer) {
    open_.at(id).executor->post([this, id, answer = std::move(answer)] {
        const auto found = open_.find(id);
        if (found == open_.end()) return;
        const http::Completion done = std::move(found->second.done);
        open_.erase(found);
        done(answer());
    });
}

void FakeConsul::wake() {
    std::vector<http::RequestId> all;
    for (const auto& [id, open] : open_) all.push_back(id);
    for (const http::RequestId id : all) wake_if_due(id);
}

std::uint64_t FakeConsul::index_of(const std::string& path) const {
    if (path.find(service_path) == 0) {
        const auto found = services_.find(path.substr(service_path.size()));
        return found == services_.end() ? index_ : found->second.index;
    }
    if (path.find(state_path) == 0) {
        const auto found = state_index_.find(path.substr(state_path.size()));
        return found == state_index_.end() ? 1 : found->second;
    }
    return catalog_index_;
}

std::string FakeConsul::body_of(const std::string& path) const {
    std::string body;
    if (path.find(service_path) == 0) {
        const auto found = services_.find(path.substr(service_path.size()));
        if (found == services_.end()) return "[]";
        for (const Instance& instance : found->second.instances)
            body += (body.empty() ? "" : ",") + entry_of(instance, quoted_list(found->second.tags));
        return "[" + body + "]";
    }
    if (path.find(state_path) == 0) return checks_in(path.substr(state_path.size()));
    for (const auto& [name, service] : services_)
        body += (body.empty() ? "\"" : ",\"") + name + "\":" + quoted_list(service.tags);
    return "{" + body + "}";
}

std::string FakeConsul::checks_in(const std::string& state) const {
    std::string body;
    for (const auto& [name, service] : services_)
        for (const Instance& instance : service.instances)
            if (instance.status == state)
                body +=
                    (body.empty() ? "" : ",") +
                    (R"({"Node":"n1","CheckID":"service:)" + instance.id + R"(","ServiceName":")" +
                     name + R"(","ModifyIndex":)" + std::to_string(service.index) + "}");
    if (node_is(state))
        body += std::string(body.empty() ? "" : ",") +
                R"({"Node":"n1","CheckID":"serfHealth","ServiceName":"","ModifyIndex":7})";
    return "[" + body + "]";
}

void FakeConsul::fail_node() {
    node_failed_ = true;
    state_index_["critical"] = ++index_;
    wake();
}

void FakeConsul::put(const std::string& service,
                     const std::vector<std::string>& tags,
                     const std::vector<Instance>& instances) {
    ++index_;
    Service& now = services_[service];
    const auto states = [](const std::vector<Instance>& of) {
        std::vector<std::string> all;
        for (const Instance& instance : of) all.push_back(instance.id + instance.status);
        return all;
    };
    if (now.index == 0 || now.tags != tags || now.instances.size() != instances.size())
        catalog_index_ = index_;
    if (states(now.instances) != states(instances)) state_index_["critical"] = index_;
    now = {tags, instances, index_};
    wake();
}

void FakeConsul::remove(const std::string& service) {
    catalog_index_ = ++index_;
    services_.erase(service);
    wake();
}

void FakeConsul::stop() {
    is_up_ = false;
    wake();
}

void FakeConsul::lose_state() {
    index_ = catalog_index_ = 2;
    services_.clear();
    state_index_.clear();
}

void FakeConsul::script(const std::string& part, std::optional<Result<http::Response>> answer) {
    scripts_.insert_or_assign(part, std::move(answer));
    wake();
}

std::size_t FakeConsul::count(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(sent_.begin(), sent_.end(), [&](const http::Request& request) {
            return request.url.find(part) != std::string::npos;
        }));
}

std::size_t FakeConsul::open(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
            return entry.second.path.find(part) != std::string::npos;
        }));
}

void LinesLog::write(LogLevel level,
                     std::string_view event,
                     std::string_view message,
                     std::initializer_list<LogField> fields) {
    std::string line(to_string(level));
    line.append(" ").append(event).append(" ").append(message);
    for (const LogField& field : fields)
        line.append(" ").append(field.key).append("=").append(field.value);
    lines.push_back(std::move(line));
}

std::size_t LinesLog::count(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.find(part) != std::string::npos;
        }));
}

}  // namespace mesh::test
