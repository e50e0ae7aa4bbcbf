#include "model/wanted.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace mesh::model {
namespace {

using Names = std::vector<HostPattern>;

void append_new(Names& names, std::set<HostPattern>& seen, const HostPattern& name) {
    if (seen.insert(name).second) names.push_back(name);
}

Names names_of(const Domain& domain) {
    Names names;
    std::set<HostPattern> seen;
    append_new(names, seen, domain.main);
    for (const HostPattern& san : domain.sans) append_new(names, seen, san);
    return names;
}

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) {
        if (!out.empty()) out += ", ";
        out += text;
    }
    return out;
}

std::vector<std::string> sorted_texts(const Names& names) {
    std::vector<std::string> texts;
    texts.reserve(names.size());
    for (const HostPattern& name : names) texts.push_back(name.text());
    std::sort(texts.begin(), texts.end());
    return texts;
}

/// The pattern that covers `name` without being equal to it; only an exact name has one.
std::optional<std::string> wildcard_over(const HostPattern& name) {
    if (name.is_wildcard() || name.name().parent().empty()) return std::nullopt;
    return "*." + std::string(name.name().parent());
}

/// What certificates from files cover.
class FileNames {
 public:
    explicit FileNames(const std::vector<Names>& certificates) {
        for (const Names& names : certificates)
            for (const HostPattern& name : names) texts_.insert(name.text());
    }
    [[nodiscard]] bool cover(const HostPattern& name) const {
        if (texts_.contains(name.text())) return true;
        const auto wildcard = wildcard_over(name);
        return wildcard && texts_.contains(*wildcard);
    }

 private:
    std::unordered_set<std::string> texts_;
};

/// One distinct set of names a resolver is asked for.
struct Candidate {
    std::vector<std::string> key;  ///< sorted: what makes two sets equal
    Names names;                   ///< in the order of the first router that asks
    std::set<std::string> routers;
    Names open;  ///< those that no certificate from a file covers
};

/// The distinct sets of one resolver, and which of them another one makes unnecessary.
class ResolverSets {
 public:
    void add(const std::string& router, Names names) {
        auto key = sorted_texts(names);
        const auto [known, fresh] = by_key_.try_emplace(key, candidates_.size());
        if (fresh) candidates_.push_back({std::move(key), std::move(names), {}, {}});
        candidates_[known->second].routers.insert(router);
    }

    void index(const FileNames& files) {
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            Candidate& candidate = candidates_[i];
            for (const std::string& text : candidate.key) holders_[text].push_back(i);
            for (const HostPattern& name : candidate.names)
                if (!files.cover(name)) candidate.open.push_back(name);
        }
    }

    [[nodiscard]] const std::vector<Candidate>& candidates() const { return candidates_; }

    /// The set that makes `candidates()[which]` unnecessary, or null. "Covers" is transitive, so
    /// of a chain of sets the last one is named, which is the one that is ordered.
    [[nodiscard]] const Candidate* coverer(std::size_t which) const {
        const Candidate* last = nullptr;
        for (auto next = next_coverer(which); next; next = next_coverer(*next))
            last = &candidates_[*next];
        return last;
    }

 private:
    [[nodiscard]] std::optional<std::size_t> next_coverer(std::size_t which) const {
        const Candidate& inner = candidates_[which];
        for (const std::size_t other : holders_of(rarest(inner.open)))
            if (other != which && covers(candidates_[other], inner) && !loses(other, which))
                return other;
        return std::nullopt;
    }

    /// Every set that holds the name or the wildcard over it.
    [[nodiscard]] std::vector<std::size_t> holders_of(const HostPattern& name) const {
        std::vector<std::size_t> out;
        const auto append = [&](const std::string& text) {
            const auto found = holders_.find(text);
            if (found == holders_.end()) return;
            out.insert(out.end(), found->second.begin(), found->second.end());
        };
        append(name.text());
        if (const auto wildcard = wildcard_over(name)) append(*wildcard);
        return out;
    }

    [[nodiscard]] std::size_t holder_count(const HostPattern& name) const {
        const auto count = [&](const std::string& text) {
            const auto found = holders_.find(text);
            return found == holders_.end() ? std::size_t{0} : found->second.size();
        };
        const auto wildcard = wildcard_over(name);
        return count(name.text()) + (wildcard ? count(*wildcard) : 0);
    }

    /// Whoever covers the set must hold each of its names, so the rarest one says it soonest.
    [[nodiscard]] const HostPattern& rarest(const Names& names) const {
        return *std::min_element(
            names.begin(), names.end(), [this](const HostPattern& a, const HostPattern& b) {
                return holder_count(a) < holder_count(b);
            });
    }

    static bool covers(const Candidate& outer, const Candidate& inner) {
        const auto has = [&](const std::string& text) {
            return std::binary_search(outer.key.begin(), outer.key.end(), text);
        };
        return std::all_of(inner.open.begin(), inner.open.end(), [&](const HostPattern& name) {
            const auto wildcard = wildcard_over(name);
            return has(name.text()) || (wildcard && has(*wildcard));
        });
    }

    /// Two different sets can cover each other: {*.a} and {*.a, b.a}, or sets that differ only in
    /// names from files. The one with more names stays, as it loses nothing; then the first.
    [[nodiscard]] bool loses(std::size_t a, std::size_t b) const {
        if (!covers(candidates_[b], candidates_[a])) return false;
        const auto rank = [](const Candidate& c) { return std::tuple(-std::ssize(c.key), c.key); };
        return rank(candidates_[b]) < rank(candidates_[a]);
    }

    std::vector<Candidate> candidates_;
    std::map<std::vector<std::string>, std::size_t> by_key_;
    std::unordered_map<std::string, std::vector<std::size_t>> holders_;
};

/// Who wants the default certificate, where routers stand for others.
constexpr std::string_view default_store = "tls.stores.default";
constexpr std::string_view names_nobody =
    "its rule names no host to order for: HostSNI(`*`), HostSNIRegexp and negated names give none; "
    "list the names in tls.domains";
constexpr std::string_view covered_by_files =
    "every name is covered by a certificate from tls.certificates";

std::string covered_by(const Candidate& outer) {
    return "every name is covered by the certificate for " + joined(outer.key);
}

void sort_result(WantedSet& wanted) {
    std::sort(wanted.certificates.begin(), wanted.certificates.end(), [](auto& a, auto& b) {
        return std::tie(a.resolver, a.key) < std::tie(b.resolver, b.key);
    });
    const auto fields = [](const NotOrdered& n) {
        return std::tie(n.router, n.resolver, n.reason);
    };
    auto& skipped = wanted.not_ordered;
    std::sort(
        skipped.begin(), skipped.end(), [&](auto& a, auto& b) { return fields(a) < fields(b); });
    skipped.erase(std::unique(skipped.begin(),
                              skipped.end(),
                              [&](auto& a, auto& b) { return fields(a) == fields(b); }),
                  skipped.end());
}

/// Collects the certificates of all resolvers; one key stays one certificate.
class Collector {
 public:
    void add(const CertResolver& resolver, const Candidate& candidate) {
        CertificateKey key{resolver.ca_server, candidate.key};
        const auto [known, fresh] = by_key_.try_emplace(key, wanted_.certificates.size());
        if (fresh)
            wanted_.certificates.push_back({std::move(key),
                                            candidate.names,
                                            resolver.name,
                                            {},
                                            resolver.key_type,
                                            resolver.profile,
                                            resolver.preferred_chain});
        auto& routers = wanted_.certificates[known->second].routers;
        routers.insert(routers.end(), candidate.routers.begin(), candidate.routers.end());
        std::sort(routers.begin(), routers.end());
    }
    void skip(const CertResolver& resolver, const Candidate& candidate, std::string_view reason) {
        for (const std::string& router : candidate.routers) skip(resolver.name, router, reason);
    }
    void skip(const std::string& resolver, const std::string& router, std::string_view reason) {
        wanted_.not_ordered.push_back({router, resolver, std::string(reason)});
    }
    [[nodiscard]] WantedSet finish() {
        sort_result(wanted_);
        return std::move(wanted_);
    }

 private:
    WantedSet wanted_;
    std::map<CertificateKey, std::size_t> by_key_;
};

}  // namespace

std::string CertificateKey::names_text() const {
    return joined(names);
}

std::vector<Names> wanted_names(const Router& router) {
    if (!router.tls || !router.tls->cert_resolver) return {};
    std::vector<Names> sets;
    for (const Domain& domain : router.tls->domains) sets.push_back(names_of(domain));
    if (!sets.empty()) return sets;
    if (Names names = router.rule.positive_names(); !names.empty())
        sets.push_back(std::move(names));
    return sets;
}

WantedSet wanted_certificates(const Configuration& configuration,
                              const std::vector<Names>& file_certificates) {
    Collector collector;
    std::map<std::string, ResolverSets> sets_of;
    for (const auto& [name, router] : configuration.routers) {
        if (!router.tls || !router.tls->cert_resolver) continue;
        const std::string& resolver = router.tls->cert_resolver->value;
        auto sets = wanted_names(router);
        if (sets.empty()) collector.skip(resolver, name, names_nobody);
        for (Names& names : sets) sets_of[resolver].add(name, std::move(names));
    }

    if (const auto& generated = configuration.generated_default)
        sets_of[generated->resolver].add(std::string(default_store), names_of(generated->domain));

    const FileNames files(file_certificates);
    for (auto& [resolver_name, sets] : sets_of) {
        const auto resolver = configuration.resolvers.find(resolver_name);
        if (resolver == configuration.resolvers.end()) continue;
        sets.index(files);
        for (std::size_t i = 0; i < sets.candidates().size(); ++i) {
            const Candidate& candidate = sets.candidates()[i];
            if (candidate.open.empty()) {
                collector.skip(resolver->second, candidate, covered_by_files);
            } else if (const Candidate* outer = sets.coverer(i)) {
                collector.skip(resolver->second, candidate, covered_by(*outer));
            } else {
                collector.add(resolver->second, candidate);
            }
        }
    }
    return collector.finish();
}

}  // namespace mesh::model
