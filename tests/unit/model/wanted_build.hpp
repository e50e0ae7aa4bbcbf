#pragma once
#include "model/wanted.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mesh::model::test {

using Names = std::vector<std::string>;

inline HostPattern pattern(const std::string& text) {
    return *HostPattern::parse(text);
}

inline std::vector<HostPattern> patterns(const Names& texts) {
    std::vector<HostPattern> out;
    for (const std::string& text : texts) out.push_back(pattern(text));
    return out;
}

inline Domain domain(const Names& names) {
    return {pattern(names.front()), patterns(Names(names.begin() + 1, names.end())), {}};
}

/// A configuration under construction; resolver "le" exists from the start.
class Build {
 public:
    Build() { resolver("le", "https://ca.example/dir"); }
    Build& resolver(const std::string& name,
                    const std::string& url,
                    KeyType type = KeyType::ec256) {
        CertResolver added;
        added.name = name;
        added.ca_server = url;
        added.key_type = type;
        added.profile = "p-" + name;
        configuration_.resolvers[name] = added;
        return *this;
    }
    Build& router(const std::string& name,
                  const std::string& rule,
                  const std::vector<Names>& domains = {},
                  const std::string& resolver = "le") {
        RouterTls tls;
        if (!resolver.empty()) tls.cert_resolver = Located<std::string>{resolver, {}};
        for (const Names& names : domains) tls.domains.push_back(domain(names));
        add(name, rule, tls);
        return *this;
    }
    Build& plain(const std::string& name, const std::string& rule) {
        add(name, rule, std::nullopt);
        return *this;
    }
    Build& by_default(const Names& names, const std::string& resolver = "le") {
        configuration_.generated_default = GeneratedCertificate{resolver, domain(names), {}};
        return *this;
    }
    [[nodiscard]] WantedSet wanted(const std::vector<Names>& files = {}) const {
        std::vector<std::vector<HostPattern>> covered;
        for (const Names& names : files) covered.push_back(patterns(names));
        return wanted_certificates(configuration_, covered);
    }

 private:
    void add(const std::string& name, const std::string& rule, std::optional<RouterTls> tls) {
        Router router{name, "file", {"web"}, *mesh::rules::Rule::parse(rule), {}, {}, tls, {}};
        configuration_.routers.emplace(name, std::move(router));
    }
    Configuration configuration_;
};

/// The names of every order, each in the order to request.
inline std::vector<Names> orders(const WantedSet& wanted) {
    std::vector<Names> out;
    for (const WantedCertificate& certificate : wanted.certificates) {
        Names names;
        for (const HostPattern& name : certificate.names) names.push_back(name.text());
        out.push_back(names);
    }
    return out;
}

}  // namespace mesh::model::test
