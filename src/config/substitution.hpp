#pragma once
#include "config/load.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// The most a `${file:…}` may hold.
inline constexpr std::size_t substituted_file_size_max = std::size_t{1024} * 1024;

struct Substituted {
    enum class Trouble {
        none,
        malformed,   ///< not one of the forms below
        unset,       ///< the variable has no value and there is no default
        unreadable,  ///< the file cannot be read, is too large or holds control characters
    };
    std::string text;
    bool replaced = false;  ///< something came from outside: `text` must not be shown
    Trouble trouble = Trouble::none;
    std::string message;  ///< for any trouble; names variables and files, never their values
    std::string hint;
};

/// Replaces in `text`
///     ${NAME}           the variable's value; trouble if it is not set
///     ${NAME:-default}  the default if the variable is not set or empty; up to the next '}'
///     ${file:/path}     the file's content without one final line break; relative paths start
///                       at `folder`
///     $${               the two characters "${"
/// What was put in is not looked at again. The first trouble is reported.
[[nodiscard]] Substituted substitute(std::string_view text,
                                     const Environment& environment,
                                     const std::string& folder);

}  // namespace mesh::config
