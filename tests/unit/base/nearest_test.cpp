#include "base/nearest.hpp"

#include "support/catch.hpp"

#include <vector>

TEST_CASE("nearest: finds what a typo was meant to be", "[nearest]") {
    const std::vector<std::string> words{
        "certResolver", "passthrough", "options", "domains", "rule"};
    const std::pair<const char*, const char*> cases[] = {
        {"certResolver", "certResolver"},
        {"certresolver", "certResolver"},
        {"cert_resolver", "certResolver"},
        {"certResovler", "certResolver"},
        {"passtrough", "passthrough"},
        {"pass-through", "passthrough"},
        {"optoins", "options"},
        {"domain", "domains"},
        {"RULES", "rule"},
        {"rul", "rule"},
    };
    for (const auto& [typed, meant] : cases) {
        CAPTURE(typed);
        CHECK(mesh::nearest(typed, words) == std::string(meant));
    }
}

TEST_CASE("nearest: stays silent when nothing is close", "[nearest]") {
    const std::vector<std::string> words{"certResolver", "tls", "rule", "x", "ab"};

    for (const char* typed : {"", "y", "zz", "middlewares", "service", "rulebook"}) {
        CAPTURE(typed);
        CHECK_FALSE(mesh::nearest(typed, words).has_value());
    }
    CHECK_FALSE(mesh::nearest("tls", {}).has_value());
    CHECK_FALSE(mesh::nearest(std::string(100'000, 'r'), words).has_value());
}

TEST_CASE("nearest: the closest wins, then the first", "[nearest]") {
    const std::vector<std::string> words{"minVersions", "minVersion", "maxVersion"};

    CHECK(mesh::nearest("minversion", words) == std::string("minVersion"));
    const std::vector<std::string> equal{"cat", "bat"};
    CHECK(mesh::nearest("rat", equal) == std::string("cat"));
}
