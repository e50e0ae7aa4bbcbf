#include "rules/regexp.hpp"

#include <algorithm>
#include <re2/re2.h>
#include <re2/stringpiece.h>

namespace mesh::rules {
namespace {

struct Reason {
    std::string_view message;
    std::string_view hint;
};

Reason reason_of(re2::RE2::ErrorCode code) {
    switch (code) {
        case re2::RE2::ErrorBadEscape:
            return {"this escape has no meaning in a regular expression",
                    "write \\. for a dot; RE2 knows no back-references"};
        case re2::RE2::ErrorBadCharClass:
        case re2::RE2::ErrorBadCharRange:
            return {"this character class has no meaning", {}};
        case re2::RE2::ErrorMissingBracket:
            return {"the '[' opened here is never closed", {}};
        case re2::RE2::ErrorMissingParen:
            return {"a ')' is missing in the regular expression", "write \\( for a parenthesis"};
        case re2::RE2::ErrorUnexpectedParen:
            return {"this ')' closes nothing in the regular expression", {}};
        case re2::RE2::ErrorTrailingBackslash:
            return {"the regular expression ends in the middle of an escape", {}};
        case re2::RE2::ErrorRepeatArgument:
            return {"nothing stands before this to be repeated",
                    "any text is .*; a wildcard is HostSNI(`*.shop.example`)"};
        case re2::RE2::ErrorRepeatSize:
            return {"this repetition is not one of at most 1000", {}};
        case re2::RE2::ErrorRepeatOp:
            return {"one repetition cannot follow another", {}};
        case re2::RE2::ErrorBadPerlOp:
            return {"this group has no meaning",
                    "RE2, as Traefik's regular expressions, knows no look-ahead and look-behind"};
        case re2::RE2::ErrorBadNamedCapture:
            return {"this name of a group has no meaning", {}};
        case re2::RE2::ErrorPatternTooLarge:
            return {"the regular expression is too large once compiled", "use smaller repetitions"};
        default:
            return {"this is not a regular expression", {}};
    }
}

RuleError error_of(const re2::RE2& tried, std::string_view pattern) {
    const Reason reason = reason_of(tried.error_code());
    const std::string_view fragment = tried.error_arg();
    const std::size_t found = fragment.empty() ? std::string_view::npos : pattern.find(fragment);
    const bool known = found != std::string_view::npos;
    return {known ? found : 0,
            known ? fragment.size() : pattern.size(),
            std::string(reason.message),
            std::string(reason.hint)};
}

}  // namespace

Parsed<Regexp> Regexp::compile(std::string_view pattern, Subject subject) {
    if (pattern.size() > pattern_size_max)
        return RuleError{
            pattern_size_max,
            pattern.size() - pattern_size_max,
            "the regular expression is longer than " + std::to_string(pattern_size_max) + " bytes",
            {}};
    const auto foreign = std::find_if(pattern.begin(), pattern.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x80;
    });
    if (subject == Subject::host_name && foreign != pattern.end())
        return RuleError{static_cast<std::size_t>(foreign - pattern.begin()),
                         1,
                         "a regular expression for host names is ASCII: clients send international "
                         "names as A-labels",
                         "write the A-label, xn--...; `idn2 NAME` prints it"};

    re2::RE2::Options options;
    // Host names are ASCII, for which one byte is one character: smaller programs than UTF-8.
    if (subject == Subject::host_name) options.set_encoding(re2::RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    options.set_max_mem(memory_max);
    auto compiled = std::make_shared<const re2::RE2>(std::string(pattern), options);
    if (!compiled->ok()) return error_of(*compiled, pattern);
    return Regexp(std::move(compiled));
}

bool Regexp::matches(std::string_view text) const {
    const re2::StringPiece subject(text.data(), text.size());
    return compiled_->Match(subject, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

const std::string& Regexp::pattern() const {
    return compiled_->pattern();
}

}  // namespace mesh::rules
