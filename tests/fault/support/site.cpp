#include "fault/support/site.hpp"

#include "support/catch.hpp"
#include "unit/control/support/memory_store.hpp"
#include "unit/control/support/served.hpp"

#include <openssl/x509.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace mesh::fault {
namespace {

/// The store's memory outlives the process that uses it.
class Borrowed final : public store::Store {
 public:
    explicit Borrowed(std::shared_ptr<store::Store> lender) : lender_(std::move(lender)) {}
    void apply(store::Transition transition,
               Executor& executor,
               std::function<void(Result<store::Applied>)> done) override {
        lender_->apply(std::move(transition), executor, std::move(done));
    }
    Result<std::vector<store::StoredCertificate>> certificates() override {
        return lender_->certificates();
    }
    Result<store::VersionMaterial> version(std::int64_t id) override {
        return lender_->version(id);
    }
    Result<std::vector<store::OrderRecord>> orders() override { return lender_->orders(); }
    Result<std::vector<store::AccountRecord>> accounts() override { return lender_->accounts(); }
    Result<std::vector<store::AuthorityRecord>> authorities() override {
        return lender_->authorities();
    }
    Result<std::vector<store::HistoryRecord>> history(const store::CertificateKey& key,
                                                      std::size_t limit) override {
        return lender_->history(key, limit);
    }
    [[nodiscard]] bool writable() const override { return lender_->writable(); }

 private:
    std::shared_ptr<store::Store> lender_;
};

std::string make_folder() {
    std::string folder = (std::filesystem::temp_directory_path() / "mesh-fault-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return folder;
}

/// The certificate as bytes hold the digest that proves control (RFC 8737 §3).
bool shows(const tls::Credential& challenge, const Bytes& digest) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(challenge.chain().native().front().get(), &der);
    if (size <= 0) return false;
    const bool found = std::search(der, der + size, digest.begin(), digest.end()) != der + size;
    OPENSSL_free(der);
    return found;
}

}  // namespace

// ---- the CA's place -----------------------------------------------------------------------------

CaPlace::CaPlace(Way way, ManualClock& clock, control::test::ManualExecutor& tasks)
    : ca(clock, "https://ca.test"), tasks_(tasks) {
    if (way == Way::real) serve_as(make_server_identity());
}

void CaPlace::serve_as(ServerIdentity identity) {
    if (!trust_) trust_ = std::make_unique<test::TemporaryFile>(identity.root_pem);
    server_.reset();
    Serving& serving = *this;
    server_ = std::make_unique<CaServer>(std::move(identity), serving);
    ca.set_origin(server_->origin());
}

void CaPlace::serve(Request request, std::function<void(Reply)> answer) {
    tasks_.post([this, request = std::move(request), answer = std::move(answer)] {
        execute(request, answer);
    });
}

void CaPlace::execute(const Request& request, const std::function<void(Reply)>& answer) {
    const Reply reply = ca.serve(request);
    if (reply.delay.count() == 0) {
        answer(reply);
        return;
    }
    ++*held_;
    std::shared_ptr<void> hold(nullptr, [held = held_](void*) { --*held; });
    tasks_.post_after(reply.delay, [hold, reply, answer]() mutable {
        hold.reset();
        answer(reply);
    });
}

// ---- the site -----------------------------------------------------------------------------------

Site::Site(Way way_taken, WallTime start_time)
    : way(way_taken),
      clock(start_time),
      folder(way == Way::real ? make_folder() : std::string()),
      place(way, clock, tasks) {
    add_resolver("le", place);
    ca.validate = [this](const auto& name, const auto& proof) {
        return judge_challenge(name, proof);
    };
    if (way == Way::direct) memory_ = std::make_shared<control::test::MemoryStore>();
    tasks.outside = [this] {
        const std::size_t held = place.held() + (other ? other->held() : 0);
        return exchanges_.count() > held || commits_.count() > 0;
    };
}

Site::~Site() {
    kill();
    if (!folder.empty()) std::filesystem::remove_all(folder);
}

void Site::add_resolver(const std::string& name, const CaPlace& at_place) {
    model::CertResolver resolver;
    resolver.name = name;
    resolver.email = "admin@example.com";
    resolver.ca_server = at_place.ca.directory_url();
    resolver.tls_challenge = true;
    resolver.ca_system_pool = false;
    if (way == Way::real) resolver.ca_certificates = {at_place.trust_file()};
    resolvers[name] = resolver;
}

CaPlace& Site::add_other() {
    other = std::make_unique<CaPlace>(way, clock, tasks);
    if (way == Way::direct) other->ca.set_origin("https://other.test");
    other->ca.validate = ca.validate;
    add_resolver("other", *other);
    return *other;
}

model::WantedCertificate& Site::add(const std::vector<std::string>& names,
                                    const std::string& resolver) {
    wanted.certificates.push_back(
        control::test::wanted_certificate(resolvers.at(resolver).ca_server, names, resolver));
    return wanted.certificates.back();
}

void Site::open_store() {
    if (way == Way::direct) {
        store = std::make_unique<Borrowed>(memory_);
        return;
    }
    auto opened = store::open(folder + "/mesh.db", store::Access::own, store_log_);
    if (!opened) throw std::runtime_error(opened.error().message);
    store = std::make_unique<WatchedStore>(std::move(*opened), commits_);
}

void Site::open_http() {
    if (way == Way::real) {
        http_ = std::make_unique<WatchedHttp>(http::make_curl_client("mesh-test"), exchanges_);
        return;
    }
    auto direct = std::make_unique<DirectTransport>();
    direct->connect(ca);
    if (other) direct->connect(other->ca);
    http_ = std::move(direct);
}

void Site::start() {
    open_store();
    open_http();
    publisher = std::make_unique<control::test::FakePublisher>(tasks);
    control::test::serve_stored(*store, *publisher);
    control::ReconcilerSettings settings;
    settings.make_client = [this](const model::CertResolver& resolver) {
        acme::ClientSettings client;
        client.directory_url = resolver.ca_server;
        client.trust = {resolver.ca_system_pool, resolver.ca_certificates};
        client.request_timeout = resolver.client_timeout;
        return acme::make_client(std::move(client), *http_, tasks, clock, log);
    };
    settings.build_time = at("2025-01-01T00:00:00Z");
    settings.seed = 42;
    reconciler =
        std::make_unique<control::Reconciler>(settings, *store, *publisher, tasks, clock, log);
    if (const auto loaded = reconciler->load(); !loaded)
        throw std::runtime_error(loaded.error().message);
    want();
}

void Site::kill() {
    in_flight_max_ = in_flight_max();
    tasks.drop_all();
    reconciler.reset();
    http_.reset();
    store.reset();
    tasks.drop_all();
}

std::size_t Site::in_flight_max() const {
    std::size_t now = 0;
    if (const auto* watched = dynamic_cast<const WatchedHttp*>(http_.get()))
        now = watched->in_flight_max;
    if (const auto* direct = dynamic_cast<const DirectTransport*>(http_.get()))
        now = direct->in_flight_max();
    return std::max(now, in_flight_max_);
}

bool Site::live(const std::string& name) const {
    return control::test::is_live(*publisher, name, clock.now());
}

bool Site::all_live() const {
    return control::test::all_live(*publisher, wanted, clock.now());
}

store::StoredCertificate Site::stored(const std::string& name) {
    run_for(0ms);  // what is being committed
    const auto certificates = store->certificates().value();
    for (const store::StoredCertificate& one : certificates) {
        const auto& names = one.record.key.names;
        if (std::find(names.begin(), names.end(), name) != names.end()) return one;
    }
    throw std::runtime_error("nothing is stored of " + name);
}

std::optional<store::OrderRecord> Site::order_of(const std::string& name) {
    run_for(0ms);
    const auto orders = store->orders().value();
    for (const store::OrderRecord& one : orders)
        if (std::find(one.names.begin(), one.names.end(), name) != one.names.end()) return one;
    return std::nullopt;
}

std::optional<Json> Site::judge_challenge(const std::string& name,
                                          const std::string& key_authorization) const {
    const auto found = publisher->challenges.find(name);
    if (found == publisher->challenges.end())
        return problem_json("unauthorized", "no challenge certificate is served for " + name);
    if (!shows(*found->second, tls::sha256(key_authorization)))
        return problem_json("unauthorized", "the challenge certificate is another one's");
    return std::nullopt;
}

}  // namespace mesh::fault
