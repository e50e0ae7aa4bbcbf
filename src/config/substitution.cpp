#include "config/substitution.hpp"

#include "base/regular_file.hpp"
#include "config/files.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

using Trouble = Substituted::Trouble;

constexpr std::string_view file_prefix = "file:";

bool is_name(std::string_view text) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !text.empty() && is_letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_letter(c) || (c >= '0' && c <= '9');
           });
}

class Substitution {
 public:
    Substitution(const Environment& environment, const std::string& folder)
        : environment_(environment), folder_(folder) {}

    Substituted run(std::string_view text) {
        while (!text.empty()) {
            const std::size_t dollar = std::min(text.find('$'), text.size());
            out_.text += text.substr(0, dollar);
            text.remove_prefix(dollar);
            if (text.starts_with("$${")) {
                out_.text += "${";
                text.remove_prefix(3);
            } else if (text.starts_with("${")) {
                text.remove_prefix(expression(text));
            } else if (!text.empty()) {
                out_.text += '$';
                text.remove_prefix(1);
            }
        }
        return std::move(out_);
    }

 private:
    /// Replaces the "${…}" that `text` begins with; returns its size.
    std::size_t expression(std::string_view text) {
        out_.replaced = true;
        const std::size_t end = text.find('}');
        if (end == std::string_view::npos) {
            trouble(Trouble::malformed,
                    "\"${\" is not closed",
                    "add the '}', or write $${ for a literal ${");
            return text.size();
        }
        const std::string_view body = text.substr(2, end - 2);
        if (body.starts_with(file_prefix)) {
            file(body.substr(file_prefix.size()));
        } else {
            variable(body);
        }
        return end + 1;
    }

    void variable(std::string_view body) {
        const std::size_t separator = std::min(body.find(":-"), body.size());
        const std::string_view name = body.substr(0, separator);
        if (!is_name(name)) {
            trouble(Trouble::malformed,
                    "a \"${...}\" that is neither a variable nor a file",
                    "write ${NAME}, ${NAME:-default} or ${file:/path}; $${ for a literal ${");
            return;
        }
        const auto value = environment_ ? environment_(name) : std::nullopt;
        const bool has_default = separator < body.size();
        if (has_default && (!value || value->empty())) {
            out_.text += body.substr(separator + 2);
        } else if (value) {
            out_.text += *value;
        } else {
            trouble(Trouble::unset,
                    "the environment variable " + std::string(name) + " is not set",
                    "set it, or write ${" + std::string(name) + ":-default}");
        }
    }

    void file(std::string_view path) {
        auto content = path.empty() ? Error{Errc::invalid, Origin::config, "no path given"}
                                    : read_regular_file(absolute_path(path, folder_),
                                                        substituted_file_size_max);
        if (!content) {
            trouble(Trouble::unreadable,
                    "cannot read the file " + std::string(path) +
                        " of a \"${file:...}\": " + content.error().message,
                    {});
            return;
        }
        if (content->ends_with('\n')) content->pop_back();
        out_.text += *content;
    }

    void trouble(Trouble kind, std::string message, std::string hint) {
        if (out_.trouble != Trouble::none) return;
        out_.trouble = kind;
        out_.message = std::move(message);
        out_.hint = std::move(hint);
    }

    const Environment& environment_;
    const std::string& folder_;
    Substituted out_;
};

}  // namespace

Substituted substitute(std::string_view text,
                       const Environment& environment,
                       const std::string& folder) {
    if (text.find('$') == std::string_view::npos) {
        Substituted unchanged;
        unchanged.text = text;
        return unchanged;
    }
    return Substitution(environment, folder).run(text);
}

}  // namespace mesh::config
