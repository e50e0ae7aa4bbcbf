#pragma once
#include "base/time_text.hpp"
#include "store/records.hpp"

#include <chrono>
#include <string>

namespace mesh::control::test {

using namespace std::chrono_literals;
using std::chrono::days;

inline WallTime at(const std::string& text) {
    return parse_rfc3339(text).value();
}

/// A version from the CA that lives from `from` for `life`, received when it was issued.
inline store::VersionFacts a_version(WallTime from,
                                     std::chrono::milliseconds life,
                                     const std::string& serial = "01") {
    store::VersionFacts facts;
    facts.not_before = from;
    facts.not_after = from + life;
    facts.serial = serial;
    facts.sha256 = "ab" + serial;
    facts.key_type = "EC256";
    facts.source = "acme";
    facts.created = from;
    return facts;
}

}  // namespace mesh::control::test
