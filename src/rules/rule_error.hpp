#pragma once
#include <boost/system/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::rules {

/// Why a text is not a rule, and where. Positions are bytes of the rule text.
struct RuleError {
    std::size_t offset =
        0;  ///< where the mistake begins; the text's size when something is missing
    std::size_t length = 0;  ///< how far it reaches; 0 when something is missing there
    std::string message;     ///< one sentence without a final stop, bounded, printable ASCII
    std::string hint;        ///< what to write instead; may be empty
};

template <class T>
using Parsed = boost::system::result<T, RuleError>;

/// The error for people: the message, the line of `rule` it is about with a caret under the exact
/// place, and the hint. Every line ends with '\n'. A long line is cut around the mistake; bytes a
/// terminal would act upon are shown as '?'.
[[nodiscard]] std::string render(const RuleError& error, std::string_view rule);

/// `text` in one line of printable ASCII of at most `size_max` bytes, to be quoted in a message.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t size_max = 60);

[[noreturn]] void throw_exception_from_error(const RuleError& error,
                                             const boost::source_location& location);

}  // namespace mesh::rules
