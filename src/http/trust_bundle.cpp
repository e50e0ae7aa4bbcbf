#include "http/trust_bundle.hpp"

#include "base/regular_file.hpp"

#include <curl/curl.h>

#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace mesh::http {

namespace {

constexpr std::size_t file_size_max = 4 << 20;
/// Resolvers and providers are few; a configuration that changes its trust for ever is not kept.
constexpr std::size_t entries_max = 32;

Error unusable(const std::string& path, const std::string& why) {
    return Error{Errc::invalid, Origin::config, "cannot use CA file " + path + ": " + why};
}

Result<std::string> read_certificates(const std::string& path) {
    auto read = read_regular_file(path, file_size_max);
    if (!read)
        return unusable(
            path, read.error().code == Errc::limit ? "larger than 4 MiB" : read.error().message);
    std::string text = std::move(*read);
    if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos &&
        text.find("-----BEGIN TRUSTED CERTIFICATE-----") == std::string::npos) {
        return unusable(path, "no PEM certificate in it");
    }
    text += '\n';  // a file without a final newline must not swallow the next BEGIN line
    return text;
}

bool readable(const char* path) {
    return access(path, R_OK) == 0;
}

Result<std::vector<std::string>> files_of(const Trust& trust) {
    std::vector<std::string> files;
    if (trust.system_pool) {
        if (std::string pool = system_pool_path(); !pool.empty()) files.push_back(std::move(pool));
    }
    files.insert(files.end(), trust.ca_files.begin(), trust.ca_files.end());
    if (files.empty()) {
        return Error{Errc::invalid,
                     Origin::config,
                     trust.system_pool
                         ? "no trusted certificates on this system: install ca-certificates or "
                           "name a CA file"
                         : "nothing to trust: neither the system's certificates nor a CA file"};
    }
    return files;
}

}  // namespace

std::string system_pool_path() {
    if (const char* chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr && *chosen != '\0') {
        return chosen;
    }
    const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
    if (info->age >= CURLVERSION_SEVENTH && info->cainfo != nullptr && readable(info->cainfo)) {
        return info->cainfo;
    }
    for (const char* usual : {"/etc/ssl/certs/ca-certificates.crt",
                              "/etc/pki/tls/certs/ca-bundle.crt",
                              "/etc/ssl/cert.pem"}) {
        if (readable(usual)) return usual;
    }
    return {};
}

TrustBundles::Stamp TrustBundles::stamp(const std::string& path) {
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) return {};
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    return {facts.st_dev,
            facts.st_ino,
            facts.st_size,
            static_cast<std::int64_t>(facts.st_mtim.tv_sec) * ns_per_s + facts.st_mtim.tv_nsec};
}

Result<std::shared_ptr<const TrustBundle>> TrustBundles::get(const Trust& trust) {
    const auto files = files_of(trust);
    if (!files) return files.error();
    // Stamps before contents: a file that changes in between is read again the next time.
    std::vector<Stamp> stamps;
    for (const std::string& path : *files) stamps.push_back(stamp(path));
    const auto known = entries_.find(trust);
    if (known != entries_.end() && known->second.stamps == stamps) return known->second.bundle;

    auto bundle = std::make_shared<TrustBundle>();
    for (const std::string& path : *files) {
        const auto text = read_certificates(path);
        if (!text) return text.error();
        bundle->pem += *text;
        bundle->description += (bundle->description.empty() ? "" : " and ") + path;
    }
    if (entries_.size() >= entries_max) entries_.clear();
    entries_[trust] = Entry{std::move(stamps), bundle};
    return std::shared_ptr<const TrustBundle>(std::move(bundle));
}

}  // namespace mesh::http
