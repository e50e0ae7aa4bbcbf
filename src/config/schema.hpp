#pragma once
#include "config/field.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

/// The table every notation is decoded by: which options a section has, how each is read, and
/// what the documentation says about it. An option is added here, once.
namespace mesh::config {

enum class Support : std::uint8_t {
    offered,    ///< decoded and enforced
    later,      ///< part of mesh's configuration, but refused by this version
    foreign,    ///< Traefik's; ignored with a warning
    refused,    ///< Traefik's; to ignore it would be a lie
    off_only,   ///< Traefik's; `false` is ignored with a warning, all else is refused
    label,      ///< offered in labels and tags only
    misplaced,  ///< belongs into the main file
};

/// What documentation and messages need of an option.
struct OptionText {
    std::string_view name;  ///< accepted in any case
    /// For people and for the JSON schema: "duration", "list of paths", "EC256 or EC384". A
    /// section whose options stand elsewhere is "section, as in `tls.certificates[]`".
    std::string_view type;
    /// The default, for people; empty: none. Of a label's option what a file has for it.
    std::string_view fallback;
    std::string_view
        help;  ///< one sentence, Markdown; of a later or refused option what to use instead
    Support support = Support::offered;
    bool required = false;
    bool from_container = false;  ///< required, but in labels the container itself fills it in
};

template <class T>
struct Option {
    OptionText text;
    /// Null for most options that are not offered.
    void (*read)(const Field&, T&) = nullptr;
};

/// One level of the configuration, decoded into a T.
template <class T>
struct Section {
    std::string_view path;  ///< "tcp.routers.<name>.tls"; empty at the top
    std::span<const Option<T>> options;
};

template <class T>
constexpr Option<T> option(std::string_view name,
                           std::string_view type,
                           std::string_view fallback,
                           std::string_view help,
                           void (*read)(const Field&, T&)) {
    return {{name, type, fallback, help, Support::offered, false}, read};
}

template <class T>
constexpr Option<T> required(std::string_view name,
                             std::string_view type,
                             std::string_view help,
                             void (*read)(const Field&, T&)) {
    return {{name, type, "", help, Support::offered, true}, read};
}

/// A required option that labels may leave out: the container itself is what is meant then.
template <class T>
constexpr Option<T> required_in_files(std::string_view name,
                                      std::string_view type,
                                      std::string_view help,
                                      void (*read)(const Field&, T&)) {
    return {{name, type, "", help, Support::offered, true, true}, read};
}

/// An option of a later version. `hint` says what to use instead; `read` may remember, after the
/// option was refused, that it was there.
template <class T>
constexpr Option<T> later(std::string_view name,
                          std::string_view hint = "",
                          void (*read)(const Field&, T&) = nullptr) {
    return {{name, "", "", hint, Support::later, false}, read};
}

/// An option that only labels and tags have. `instead` is what a file has for it.
template <class T>
constexpr Option<T> label_option(std::string_view name,
                                 std::string_view type,
                                 std::string_view help,
                                 std::string_view instead,
                                 void (*read)(const Field&, T&)) {
    return {{name, type, instead, help, Support::label, false}, read};
}

/// An option of Traefik's that mesh does not have.
template <class T>
constexpr Option<T> foreign(std::string_view name) {
    return {{name, "", "", "", Support::foreign, false}, nullptr};
}

/// An option of Traefik's that mesh does not have and must not ignore. `hint` says why, or what to
/// do instead.
template <class T>
constexpr Option<T> refused(std::string_view name, std::string_view hint) {
    return {{name, "", "", hint, Support::refused, false}, nullptr};
}

/// A switch of Traefik's that mesh does not have, and must not ignore where it is on.
template <class T>
constexpr Option<T> refused_if_on(std::string_view name, std::string_view hint) {
    return {{name, "", "", hint, Support::off_only, false}, nullptr};
}

/// An option of the main file, in a file of providers.file.
template <class T>
constexpr Option<T> misplaced(std::string_view name) {
    return {{name, "", "", "", Support::misplaced, false}, nullptr};
}

/// A section without its type: for messages and documentation.
struct SectionText {
    std::string_view path;
    std::vector<OptionText> options;
};

template <class T>
SectionText text_of(const Section<T>& section) {
    SectionText text{section.path, {}};
    for (const Option<T>& option : section.options) text.options.push_back(option.text);
    return text;
}

/// Walks the keys of one section: finds the option each stands for, reports what cannot be read
/// and, at the end, which required options did not come.
class SectionReader {
 public:
    SectionReader(const Field& section, std::vector<OptionText> options);

    static constexpr std::size_t nothing = static_cast<std::size_t>(-1);
    /// The option that the `index`-th entry is, or `nothing`; reports whatever is wrong with it.
    [[nodiscard]] std::size_t option_for(std::size_t index);
    [[nodiscard]] Field entry(std::size_t index, std::size_t option) const;
    void report_missing() const;

 private:
    void report_unknown(std::size_t index) const;
    void ignore(const OptionText& option, const model::Location& at) const;
    void refuse(const OptionText& option, const model::Location& at) const;
    void refuse_if_on(const OptionText& option, const Field& given) const;

    const Field& section_;
    std::vector<OptionText> options_;
    std::vector<std::optional<int>> seen_line_;  ///< by option; 0 for labels from nowhere
};

/// What is in a section that is known to be one.
template <class T>
void decode_options(const Field& field, const Section<T>& section, T& out) {
    SectionReader reader(field, text_of(section).options);
    for (std::size_t i = 0; i < field.size(); ++i) {
        const std::size_t chosen = reader.option_for(i);
        if (chosen == SectionReader::nothing) continue;
        if (const auto read = section.options[chosen].read) read(reader.entry(i, chosen), out);
    }
    reader.report_missing();
}

template <class T>
void decode_section(const Field& field, const Section<T>& section, T& out) {
    if (field.is_section()) decode_options(field, section, out);
}

}  // namespace mesh::config
