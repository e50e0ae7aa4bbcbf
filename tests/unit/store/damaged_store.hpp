#pragma once
#include "fixture.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

/// A store to do damage to.
namespace mesh::store {

inline constexpr int certificates_made = 30;

inline std::string name_of(int i) {
    return "c" + std::to_string(i) + ".example";
}

/// A store with an account and certificates, closed, its copy beside it.
inline void make_store(const std::string& path) {
    TestExecutor executor;
    NullLog log;
    Timing timing;
    timing.copy_settle = std::chrono::milliseconds{0};
    timing.copy_interval = std::chrono::milliseconds{0};
    const auto store = open(path, Access::own, log, timing);
    REQUIRE(store);
    REQUIRE(commit(**store,
                   executor,
                   {PutAccount{{directory, "", Secret("account key"), "url", "valid", at(0)}}}));
    for (int i = 0; i < certificates_made; ++i)
        REQUIRE(commit(**store,
                       executor,
                       {PutCertificate{a_certificate(name_of(i))},
                        a_version(name_of(i), "key of " + name_of(i))}));
    eventually([&] {
        const auto copy = open(path + ".last", Access::read, log);
        if (!copy) return false;
        const auto certificates = (*copy)->certificates();
        return certificates && certificates->size() == certificates_made;
    });
}

inline void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    std::filesystem::permissions(path, std::filesystem::perms(0600));
}

/// Files beside the store that were set aside.
inline std::vector<std::string> set_aside(const std::string& folder) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (const std::string name = entry.path().filename();
            name.find(".corrupt-") != std::string::npos && !name.ends_with("-shm"))
            found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

using Facts = std::map<std::pair<std::int64_t, CertificateKey>, std::vector<std::string>>;

/// Everything a start goes by, of every certificate.
inline Facts facts_of(Store& store) {
    Facts facts;
    for (const StoredCertificate& certificate : store.certificates().value()) {
        REQUIRE(certificate.version);
        const VersionFacts& version = *certificate.version;
        const auto text = [](WallTime time) {
            return std::to_string(time.time_since_epoch().count());
        };
        facts[{certificate.version_id, certificate.record.key}] = {text(version.not_before),
                                                                   text(version.not_after),
                                                                   text(version.created),
                                                                   version.serial,
                                                                   version.sha256,
                                                                   version.key_type,
                                                                   version.source};
    }
    return facts;
}

}  // namespace mesh::store
