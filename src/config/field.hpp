#pragma once
#include "config/load.hpp"
#include "config/problems.hpp"
#include "config/tree.hpp"
#include "model/location.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

class LabelPaths;
struct Substituted;

/// A single value of the configuration, with what later checks need to complain about it.
struct Text {
    std::string value;
    model::Location at;
    /// It came from a substitution: no message may show it.
    bool hidden = false;
    /// Its value is not known: what was wrong has been reported, and nothing else is to be said.
    bool unknown = false;
    /// Byte i of the value stands at column `verbatim_column` + i of its line (ASCII); 0: no.
    int verbatim_column = 0;
};

/// The value in quotes, short and printable; "the substituted value" when it is hidden.
[[nodiscard]] std::string shown(const Text& text);

/// What decoding a file needs to know besides the file's own content.
struct Source {
    std::shared_ptr<const std::string> file;  ///< as it stands in findings
    std::string_view text;                    ///< the file's text
    std::string folder;                       ///< where relative paths start; absolute
    const Environment& environment;
    bool no_secrets;
    Problems& problems;
    /// Set when the tree was made of labels: nothing is substituted, lists are split at commas, and
    /// a label's key is its path.
    const LabelPaths* label_paths = nullptr;
    /// Whether it is for a running mesh: what its providers have not told of is not there.
    bool is_running = false;
};

/// A word an option takes, and what it stands for.
template <class T>
struct Choice {
    std::string_view word;
    T value;
};

/// A word an option does not take, though somebody may well expect it to.
struct RefusedWord {
    std::string_view word;
    std::string_view message;
    std::string_view hint;
};

/// A cursor on one node that knows its path. Asked for a value of some kind, it reports what is
/// wrong with the node and yields a harmless value, so that decoding has no error branches and
/// finds every mistake at once. Lives no longer than its parent.
class Field {
 public:
    Field(const Source& source, TreeNode root) : source_(&source), node_(root) {}

    [[nodiscard]] const Source& source() const { return *source_; }
    [[nodiscard]] Problems& problems() const { return source_->problems; }
    [[nodiscard]] NodeKind kind() const { return node_.kind(); }
    [[nodiscard]] std::size_t size() const { return node_.size(); }
    /// Of the value; of the key when nothing stands behind it.
    [[nodiscard]] model::Location at() const;
    /// Of the key; of the value when there is none.
    [[nodiscard]] model::Location key_at() const;
    [[nodiscard]] std::string path() const;
    /// Of the key, for a mistake in the key itself: in labels the path is then the whole label.
    [[nodiscard]] model::Location written_at() const;
    [[nodiscard]] bool is_label() const { return source_->label_paths != nullptr; }

    /// The key of a map's entry. Keys are taken as they stand, without substitution.
    [[nodiscard]] std::string_view key(std::size_t index) const { return node_.key(index).text(); }
    /// The value of a map's entry, shown in paths as `name`, which must outlive it.
    [[nodiscard]] Field entry(std::size_t index, std::string_view name) const;
    /// An item of a list.
    [[nodiscard]] Field item(std::size_t index) const;

    /// A map, or nothing behind the key, which is an empty one. Else reports and is false.
    [[nodiscard]] bool is_section() const;
    /// The same for one that may be left out: in labels `tls=true` is one without options, and
    /// `tls=false` says that there is none.
    [[nodiscard]] bool is_optional_section() const;
    /// A list. Else reports and is false.
    [[nodiscard]] bool is_list() const;

    [[nodiscard]] Text text() const;
    /// Several values, or a single one for a list of one. An empty list is accepted.
    [[nodiscard]] std::vector<Text> texts() const;
    /// The same, where an empty list would mean the opposite of what it looks like: reports it.
    [[nodiscard]] std::vector<Text> some_texts() const;
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] std::int64_t integer(std::int64_t min, std::int64_t max) const;
    /// More than nothing, at most `max`.
    [[nodiscard]] std::chrono::milliseconds duration(std::chrono::milliseconds max) const;
    /// The same where nothing is a value too.
    [[nodiscard]] std::chrono::milliseconds duration_or_zero(std::chrono::milliseconds max) const;
    /// One of the words, in any case.
    template <class T, std::size_t N>
    [[nodiscard]] T choice(const Choice<T> (&choices)[N],
                           std::span<const RefusedWord> refused = {}) const {
        std::vector<std::string> words;
        for (const Choice<T>& choice : choices) words.emplace_back(choice.word);
        return choices[chosen(words, refused)].value;
    }

 private:
    Field(const Source& source, TreeNode node, const Field* parent)
        : source_(&source), node_(node), parent_(parent) {}

    void append_path(std::string& out) const;
    /// `unknown`: whether a value is not known, as where a variable is not set.
    [[nodiscard]] std::vector<Text> texts(bool& unknown) const;
    [[nodiscard]] model::Location location(Place place) const;
    [[nodiscard]] bool is_empty_value(std::string_view expected) const;
    [[nodiscard]] std::size_t chosen(const std::vector<std::string>& words,
                                     std::span<const RefusedWord> refused) const;
    [[nodiscard]] int verbatim_column(std::string_view value) const;
    void report(Substituted trouble, const model::Location& place) const;
    void wrong_kind(std::string_view expected, std::string hint = {}) const;
    void bad_value(const Text& text, const std::string& expected, std::string hint = {}) const;

    const Source* source_;
    TreeNode node_;
    const Field* parent_ = nullptr;
    std::optional<TreeNode> key_;  ///< of a map's entry
    std::string_view name_;        ///< of a map's entry, for paths
    std::size_t index_ = 0;        ///< of a list's item
};

}  // namespace mesh::config
