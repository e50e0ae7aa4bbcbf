#include "proxy/certificate_loader.hpp"

#include "support/catch.hpp"

#include <deque>

using namespace mesh;
using namespace mesh::proxy;

namespace {

/// Runs what was posted when the test says so.
class LoaderThread final : public Executor {
 public:
    void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override {
        post(std::move(task));
    }
    void run() {
        for (; !tasks_.empty(); tasks_.pop_front()) tasks_.front()();
    }

 private:
    std::deque<std::function<void()>> tasks_;
};

struct LoaderFixture {
    LoaderThread thread;
    int reads = 0;
    bool fails = false;
    CertificateLoader loader{
        thread, [this](const certs::CertificateEntry&) -> Result<certs::CredentialPtr> {
            ++reads;
            if (fails) return Error{Errc::io, mesh::Origin::internal, "cannot read"};
            return tls::make_default_credential(SystemClock().now());
        }};

    certs::CredentialPtr load(certs::CertificateId id, certs::VersionId version) {
        auto entry = std::make_shared<certs::CertificateEntry>();
        entry->id = id;
        entry->version = version;
        certs::CredentialPtr answer;
        loader.request(entry, [&](const Result<certs::CredentialPtr>& credential) {
            if (credential) answer = *credential;
        });
        thread.run();
        return answer;
    }
};

}  // namespace

TEST_CASE("certificate loader: who asks later shares what somebody holds", "[certificates]") {
    LoaderFixture f;
    certs::CredentialPtr first = f.load(1, 1);
    CHECK(f.load(1, 1) == first);
    CHECK(f.reads == 1);
    CHECK(f.load(1, 2) != first);  // another version
    CHECK(f.load(2, 1) != first);
    CHECK(f.reads == 3);

    first.reset();
    CHECK(f.load(1, 1) != nullptr);  // nobody held it
    CHECK(f.reads == 4);
}

TEST_CASE("certificate loader: what could not be read is read again", "[certificates]") {
    LoaderFixture f;
    f.fails = true;
    CHECK(f.load(1, 1) == nullptr);
    f.fails = false;
    CHECK(f.load(1, 1) != nullptr);
    CHECK(f.reads == 2);
}
