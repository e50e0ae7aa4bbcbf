#include "base/quiet_thread.hpp"
#include "http/registry.hpp"
#include "http/target.hpp"
#include "http/transfer.hpp"
#include "http/trust_bundle.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>
#include <unordered_map>

namespace mesh::http {

namespace {

/// Requests waiting for a connection, all hosts together.
constexpr std::size_t waiting_max = 4096;
/// Connections kept for the next request, those in use included: at least these.
constexpr unsigned kept_connections_min = 32;
constexpr std::chrono::milliseconds sleep_max{60'000};

void initialise_libcurl() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) throw std::runtime_error("libcurl cannot be initialised");
}

struct FreeMulti {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct FreeShare {
    void operator()(CURLSH* share) const noexcept { curl_share_cleanup(share); }
};

/// What callers handed over and the loop has not seen yet.
struct Inbox {
    struct Item {
        RequestId id;
        Request request;
        SteadyTime sent;
    };
    std::vector<Item> requests;
    std::vector<RequestId> cancelled;
    bool stop = false;
};

class CurlClient final : public Client {
 public:
    CurlClient(std::string user_agent, unsigned per_host);
    ~CurlClient() override;
    RequestId send(Request request, Executor& executor, Completion done) override;
    void cancel(RequestId id) override;

 private:
    struct Host {
        unsigned active = 0;
        std::deque<std::unique_ptr<Transfer>> waiting;
    };

    void run();
    void admit(Inbox::Item item);
    void enqueue(std::unique_ptr<Transfer> transfer);
    void start_waiting(const std::string& key);
    void start(std::unique_ptr<Transfer> transfer);
    void collect();
    void expire();
    void drop(RequestId id);
    std::unique_ptr<Transfer> take_waiting(RequestId id);
    [[nodiscard]] Result<TlsFiles> read_files(const Transfer& transfer);
    std::unique_ptr<Transfer> release(CURL* easy);
    [[nodiscard]] int sleep_ms() const;

    const std::string user_agent_;
    const unsigned per_host_;
    const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
    std::unique_ptr<CURLSH, FreeShare> share_;
    std::unique_ptr<CURLM, FreeMulti> multi_;

    std::mutex mutex_;
    Inbox inbox_;

    // Only the loop's thread touches what follows.
    TrustBundles trust_bundles_;
    std::unordered_map<CURL*, std::unique_ptr<Transfer>> active_;
    std::unordered_map<RequestId, CURL*> active_by_id_;
    std::map<std::string, Host> hosts_;
    std::map<RequestId, std::string> waiting_;  ///< host key of each waiting request
    std::set<std::pair<SteadyTime, RequestId>> deadlines_;

    std::thread thread_;
};

CurlClient::CurlClient(std::string user_agent, unsigned per_host)
    : user_agent_(std::move(user_agent)), per_host_(std::max(per_host, 1U)) {
    initialise_libcurl();
    share_.reset(curl_share_init());
    multi_.reset(curl_multi_init());
    if (!share_ || !multi_) throw std::bad_alloc();
    // TLS sessions outlive the handle of one request; one thread uses them, so nothing to lock.
    curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    // One host full of long polls must leave room for those of others.
    const auto kept = static_cast<long>(per_host_) + kept_connections_min;
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kept);
    thread_ = quiet_thread("mesh-http", [this] { run(); });
}

CurlClient::~CurlClient() {
    registry_->remove_all();
    {
        const std::lock_guard lock(mutex_);
        inbox_.stop = true;
    }
    curl_multi_wakeup(multi_.get());
    thread_.join();
}

RequestId CurlClient::send(Request request, Executor& executor, Completion done) {
    const RequestId id = registry_->add(executor, std::move(done));
    {
        const std::lock_guard lock(mutex_);
        inbox_.requests.push_back({id, std::move(request), std::chrono::steady_clock::now()});
    }
    curl_multi_wakeup(multi_.get());
    return id;
}

void CurlClient::cancel(RequestId id) {
    if (!registry_->remove(id)) return;
    {
        const std::lock_guard lock(mutex_);
        inbox_.cancelled.push_back(id);
    }
    curl_multi_wakeup(multi_.get());
}

void CurlClient::run() {
    for (;;) {
        Inbox inbox;
        {
            const std::lock_guard lock(mutex_);
            std::swap(inbox, inbox_);
        }
        if (inbox.stop) break;
        for (Inbox::Item& item : inbox.requests) admit(std::move(item));
        for (const RequestId id : inbox.cancelled) drop(id);
        int running = 0;
        const CURLMcode code = curl_multi_perform(multi_.get(), &running);
        collect();
        expire();
        // A failing perform (memory) is tried again, but not in a tight loop.
        const int sleep = code == CURLM_OK ? sleep_ms() : 100;
        curl_multi_poll(multi_.get(), nullptr, 0, sleep, nullptr);
    }
    for (const auto& [easy, transfer] : active_) curl_multi_remove_handle(multi_.get(), easy);
    active_.clear();
}

void CurlClient::admit(Inbox::Item item) {
    if (!registry_->live(item.id)) return;
    auto target = examine(item.request);
    if (!target) return registry_->answer(item.id, target.error());
    if (waiting_.size() >= waiting_max) {
        return registry_->answer(item.id,
                                 Error{Errc::limit,
                                       Origin::internal,
                                       "too many requests are waiting for a connection; " +
                                           target->authority + " was not asked"});
    }
    const SteadyTime deadline =
        item.request.timeout.count() == 0 ? SteadyTime::max() : item.sent + item.request.timeout;
    enqueue(
        std::make_unique<Transfer>(item.id, std::move(item.request), std::move(*target), deadline));
}

void CurlClient::enqueue(std::unique_ptr<Transfer> transfer) {
    const std::string key = transfer->target().key;
    waiting_.emplace(transfer->id(), key);
    if (transfer->deadline() != SteadyTime::max()) {
        deadlines_.emplace(transfer->deadline(), transfer->id());
    }
    hosts_[key].waiting.push_back(std::move(transfer));
    start_waiting(key);
}

void CurlClient::start_waiting(const std::string& key) {
    const auto found = hosts_.find(key);
    if (found == hosts_.end()) return;
    Host& host = found->second;
    while (host.active < per_host_ && !host.waiting.empty()) {
        std::unique_ptr<Transfer> transfer = std::move(host.waiting.front());
        host.waiting.pop_front();
        waiting_.erase(transfer->id());
        deadlines_.erase({transfer->deadline(), transfer->id()});
        start(std::move(transfer));
    }
    if (host.active == 0 && host.waiting.empty()) hosts_.erase(found);
}

void CurlClient::start(std::unique_ptr<Transfer> transfer) {
    const RequestId id = transfer->id();
    auto tls = read_files(*transfer);
    if (!tls) return registry_->answer(id, tls.error());
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        transfer->deadline() - std::chrono::steady_clock::now());
    const Status ready = transfer->prepare(
        user_agent_, share_.get(), std::move(*tls), left, [registry = registry_, id] {
            return registry->live(id);
        });
    if (!ready) return registry_->answer(id, ready.error());
    CURL* easy = transfer->native();
    if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) {
        return registry_->answer(id, Error{Errc::internal, Origin::internal, "out of memory"});
    }
    ++hosts_[transfer->target().key].active;
    active_by_id_.emplace(id, easy);
    active_.emplace(easy, std::move(transfer));
}

Result<TlsFiles> CurlClient::read_files(const Transfer& transfer) {
    TlsFiles files;
    if (!transfer.target().encrypted()) return files;
    auto bundle = trust_bundles_.get(transfer.request().trust);
    if (!bundle) return bundle.error();
    files.trust = std::move(*bundle);
    const ClientCertificate& shown = transfer.request().client_certificate;
    if (shown == ClientCertificate{}) return files;
    auto identity = read_client_identity(shown);
    if (!identity) return with_context(transfer.target().authority, identity.error());
    files.identity = std::move(*identity);
    return files;
}

std::unique_ptr<Transfer> CurlClient::release(CURL* easy) {
    const auto found = active_.find(easy);
    if (found == active_.end()) return nullptr;
    std::unique_ptr<Transfer> transfer = std::move(found->second);
    curl_multi_remove_handle(multi_.get(), easy);
    active_.erase(found);
    active_by_id_.erase(transfer->id());
    --hosts_[transfer->target().key].active;
    return transfer;
}

void CurlClient::collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        // The message lives in the handle: read it before the handle goes.
        const CURLcode code = message->data.result;
        const std::unique_ptr<Transfer> transfer = release(message->easy_handle);
        if (!transfer) continue;
        registry_->answer(transfer->id(), transfer->finish(code));
        start_waiting(transfer->target().key);
    }
}

void CurlClient::expire() {
    const SteadyTime now = std::chrono::steady_clock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const RequestId id = deadlines_.begin()->second;
        const std::unique_ptr<Transfer> late = take_waiting(id);
        registry_->answer(id, late->waited_in_vain(per_host_));
    }
}

void CurlClient::drop(RequestId id) {
    if (const auto active = active_by_id_.find(id); active != active_by_id_.end()) {
        const std::unique_ptr<Transfer> transfer = release(active->second);
        start_waiting(transfer->target().key);
    } else {
        take_waiting(id);
    }
}

std::unique_ptr<Transfer> CurlClient::take_waiting(RequestId id) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return nullptr;
    Host& host = hosts_[found->second];
    // Those that waited longest stand in front, and are the first whose time is up.
    const auto place = std::find_if(host.waiting.begin(),
                                    host.waiting.end(),
                                    [id](const auto& waiting) { return waiting->id() == id; });
    std::unique_ptr<Transfer> taken = std::move(*place);
    host.waiting.erase(place);
    deadlines_.erase({taken->deadline(), id});
    if (host.active == 0 && host.waiting.empty()) hosts_.erase(found->second);
    waiting_.erase(found);
    return taken;
}

int CurlClient::sleep_ms() const {
    auto sleep = sleep_max;
    if (!deadlines_.empty()) {
        const auto until = std::chrono::ceil<std::chrono::milliseconds>(
            deadlines_.begin()->first - std::chrono::steady_clock::now());
        sleep = std::clamp(until, std::chrono::milliseconds{0}, sleep_max);
    }
    return static_cast<int>(sleep.count());
}

}  // namespace

std::unique_ptr<Client> make_curl_client(std::string user_agent, unsigned per_host) {
    return std::make_unique<CurlClient>(std::move(user_agent), per_host);
}

}  // namespace mesh::http
