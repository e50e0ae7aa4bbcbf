#include "app/run.hpp"
#include "cli/commands.hpp"
#include "cli/plan_text.hpp"
#include "cli/world.hpp"
#include "store/inspection.hpp"
#include "tls/certificate.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace mesh::cli {
namespace {

/// Something that is not as it was written.
struct StoreFinding {
    std::vector<std::string> names;  ///< of the certificate; empty: of the database
    std::string serial;
    bool current = false;
    std::string what;
};

/// Empty: nothing is wrong with it.
std::string fault_of(const store::InspectedVersion& version) {
    if (!version.material) return version.material.error().message;
    const auto credential =
        tls::Credential::from_pem(version.material->chain_pem, version.material->key_pem.reveal());
    if (!credential) return credential.error().message;
    if ((*credential)->facts().sha256 != version.facts.sha256)
        return "the chain is not the one that was stored";
    return {};
}

struct Examination {
    std::vector<StoreFinding> findings;
    std::size_t versions = 0;
};

Result<Examination> examine(const std::string& path) {
    Examination result;
    const auto database = store::inspect_database(path);
    if (database) {
        for (const std::string& what : *database) result.findings.push_back({{}, {}, false, what});
    } else {
        if (database.error().code != Errc::corrupt) return database.error();
        result.findings.push_back({{}, {}, false, database.error().message});
        return result;
    }
    const Status looked =
        store::inspect_versions(path, [&](const store::InspectedVersion& version) {
            ++result.versions;
            if (std::string fault = fault_of(version); !fault.empty())
                result.findings.push_back(
                    {version.key.names, version.facts.serial, version.current, std::move(fault)});
        });
    if (!looked) result.findings.push_back({{}, {}, false, looked.error().message});
    return result;
}

void print_text(const Examination& result, const std::string& path) {
    for (const StoreFinding& finding : result.findings) {
        std::string subject;
        for (const std::string& name : finding.names)
            subject += (subject.empty() ? "" : ", ") + name;
        if (!finding.names.empty())
            subject += std::string(finding.current ? " (serial " : " (previous version, serial ") +
                       finding.serial + ')';
        std::printf("%s: %s\n",
                    finding.names.empty() ? path.c_str() : subject.c_str(),
                    finding.what.c_str());
    }
    std::printf(
        "%s: %s, %s looked at\n",
        path.c_str(),
        result.findings.empty() ? "sound" : counted(result.findings.size(), "finding").c_str(),
        counted(result.versions, "certificate version").c_str());
}

void print_json(const Examination& result, const std::string& path) {
    nlohmann::ordered_json document = {{"version", 1},
                                       {"store", path},
                                       {"sound", result.findings.empty()},
                                       {"certificate_versions", result.versions},
                                       {"findings", nlohmann::json::array()}};
    for (const StoreFinding& finding : result.findings)
        document["findings"].push_back({{"names", finding.names},
                                        {"serial", finding.serial},
                                        {"current", finding.current},
                                        {"message", finding.what}});
    std::printf("%s\n",
                document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int store_check(const Common& common) {
    const config::LoadResult loaded = load(common.config, true);
    if (!loaded.configuration) {
        print(loaded);
        return app::exit_code::configuration;
    }
    const std::string& path = loaded.configuration->storage;
    const auto result = examine(path);
    if (!result) {
        std::fprintf(stderr, "mesh: %s\n", result.error().message.c_str());
        return app::exit_code::store;
    }
    common.json ? print_json(*result, path) : print_text(*result, path);
    return result->findings.empty() ? 0 : 1;
}

}  // namespace mesh::cli
