#include "random_rules.hpp"

#include <algorithm>
#include <array>

namespace mesh::test {
namespace {

using Test = std::function<bool(const Facts&)>;

RandomRule simple(std::string text, Test test, std::string protocol = {}) {
    return {
        std::move(text),
        [test = std::move(test), protocol = std::move(protocol)](const Facts& facts, bool negated) {
            const bool holds = test(facts) != negated;
            return Verdict{holds, holds && !negated ? protocol : std::string()};
        }};
}

/// A value of a matcher, and what it means for the text of a name or an address.
struct Sample {
    std::string_view value;
    bool (*holds)(std::string_view);
};

constexpr std::array regexps{
    Sample{"^a", [](std::string_view s) { return s.starts_with('a'); }},
    Sample{"b", [](std::string_view s) { return s.find('b') != s.npos; }},
    Sample{"c$", [](std::string_view s) { return s.ends_with('c'); }},
    Sample{"^$", [](std::string_view s) { return s.empty(); }},
    Sample{"\\.", [](std::string_view s) { return s.find('.') != s.npos; }},
    Sample{".*", [](std::string_view) { return true; }},
    Sample{"A", [](std::string_view) { return false; }},
    Sample{"^(?:a|b)\\.c$", [](std::string_view s) { return s == "a.c" || s == "b.c"; }},
};

bool is_v6(std::string_view s) {
    return s.find(':') != s.npos;
}

constexpr std::array networks{
    Sample{"10.0.0.1", [](std::string_view s) { return s == "10.0.0.1"; }},
    Sample{"10.0.0.0/8", [](std::string_view s) { return s.starts_with("10."); }},
    Sample{"10.0.7.7/16", [](std::string_view s) { return s.starts_with("10.0."); }},
    Sample{"::ffff:10.0.0.0/104", [](std::string_view s) { return s.starts_with("10."); }},
    Sample{"0.0.0.0/0", [](std::string_view s) { return !s.empty() && !is_v6(s); }},
    Sample{"::/0", [](std::string_view s) { return is_v6(s); }},
    Sample{"2001:db8::/32", [](std::string_view s) { return s.starts_with("2001:db8:"); }},
};

constexpr std::array addresses{
    "", "10.0.0.1", "::ffff:10.0.0.1", "10.0.3.1", "10.1.0.1", "192.0.2.1", "::1", "2001:db8::7"};

constexpr std::array protocols{"h2", "http/1.1", "mqtt"};

std::string sni_text(const Facts& facts) {
    return facts.sni ? facts.sni->text() : std::string();
}

}  // namespace

Facts RuleMaker::facts() {
    const std::string sni = below(8) == 0 ? "" : name();
    std::vector<std::string> alpn;
    for (const char* protocol : protocols)
        if (below(2) == 0) alpn.insert(alpn.begin() + below(2) * std::ssize(alpn), protocol);
    return test::facts(sni, addresses.at(below(addresses.size())), std::move(alpn));
}

std::string RuleMaker::name() {
    static constexpr std::array labels{"a", "b", "c"};
    std::string out = labels.at(below(3));
    for (std::uint32_t i = below(3); i > 0; --i) out += std::string(".") + labels.at(below(3));
    return out;
}

RandomRule RuleMaker::rule(int depth) {
    switch (depth == 0 ? 0 : below(6)) {
        case 1: {
            RandomRule inner = rule(depth - 1);
            return {"!(" + inner.text + ")",
                    [m = inner.meaning](const Facts& f, bool negated) { return m(f, !negated); }};
        }
        case 2:
        case 3:
            return joined(" && ", depth, true);
        case 4:
        case 5:
            return joined("||", depth, false);
        default:
            return leaf();
    }
}

RandomRule RuleMaker::leaf() {
    const std::string host = name();
    const std::string spelling = below(4) == 0 ? "Host" : "HostSNI";
    switch (below(12)) {
        case 0:
            return simple(spelling + "(`*`)", [](const Facts&) { return true; });
        case 1:
            return simple("!" + spelling + "(`" + host + "`)",
                          [host](const Facts& f) { return sni_text(f) != host; });
        case 2:
        case 3:
            return simple(spelling + "(`*." + host + "`)", [host](const Facts& f) {
                const std::string sni = sni_text(f);
                const std::size_t dot = sni.find('.');
                return dot != std::string::npos && sni.substr(dot + 1) == host;
            });
        case 4: {
            const Sample& regexp = regexps.at(below(regexps.size()));
            return simple("HostSNIRegexp(`" + std::string(regexp.value) + "`)",
                          [&regexp](const Facts& f) { return regexp.holds(sni_text(f)); });
        }
        case 5:
        case 6: {
            const Sample& network = networks.at(below(networks.size()));
            return simple(
                "ClientIP(`" + std::string(network.value) + "`)",
                [&network](const Facts& f) { return f.client && network.holds(f.client->text()); });
        }
        case 7:
        case 8: {
            const std::string protocol = protocols.at(below(protocols.size()));
            return simple(
                "ALPN(`" + protocol + "`)",
                [protocol](const Facts& f) {
                    return std::find(f.alpn.begin(), f.alpn.end(), protocol) != f.alpn.end();
                },
                protocol);
        }
        default:
            return simple(spelling + "(`" + host + "`)",
                          [host](const Facts& f) { return sni_text(f) == host; });
    }
}

RandomRule RuleMaker::joined(const char* op, int depth, bool all) {
    RandomRule left = rule(depth - 1);
    RandomRule right = rule(depth - 1);
    // Without parentheses only where precedence leaves the meaning alone.
    const bool bare = !all && below(2) == 0;
    std::string text =
        bare ? left.text + op + right.text : "(" + left.text + ")" + op + "(" + right.text + ")";
    return {std::move(text),
            [all, l = left.meaning, r = right.meaning](const Facts& facts, bool negated) {
                const Verdict a = l(facts, negated);
                const Verdict b = r(facts, negated);
                const bool holds = all != negated ? a.holds && b.holds : a.holds || b.holds;
                if (!holds) return Verdict{};
                const bool left_decides = a.holds && !a.protocol.empty();
                return Verdict{true, left_decides ? a.protocol : b.holds ? b.protocol : ""};
            }};
}

}  // namespace mesh::test
