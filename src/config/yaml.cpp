#include "config/yaml.hpp"

#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/source_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace mesh::config {
namespace {

/// Ends the parsing from inside an event; what is wrong has been reported.
struct Stop {};

/// yaml-cpp's marks count bytes from 0; people count characters from 1. Marks come nearly in
/// order, so counting goes on from the last one and stays linear on lines of any length.
class YamlPlaces {
 public:
    explicit YamlPlaces(std::string_view text) : text_(text) {}

    Place operator()(const YAML::Mark& mark) {
        if (mark.pos < 0 || mark.line < 0 || mark.column < 0) return {};
        const auto at = std::min(static_cast<std::size_t>(mark.pos), text_.size());
        const auto bytes = std::min(static_cast<std::size_t>(mark.column), at);
        const std::size_t line_begin = at - bytes;
        if (line_begin != line_begin_ || at < counted_) {
            line_begin_ = counted_ = line_begin;
            characters_ = 0;
        }
        characters_ += character_count(text_.substr(counted_, at - counted_));
        counted_ = at;
        return {static_cast<std::uint32_t>(mark.line + 1),
                static_cast<std::uint32_t>(characters_ + 1),
                static_cast<std::uint32_t>(at)};
    }

 private:
    std::string_view text_;
    std::size_t line_begin_ = 0;
    std::size_t counted_ = 0;
    std::size_t characters_ = 0;
};

struct YamlExplanation {
    std::string_view theirs;
    std::string_view message;
    std::string_view hint;
};

/// What the parser says, in words that help whoever edits the file.
constexpr YamlExplanation yaml_explanations[] = {
    {"illegal map value",
     "unexpected ':'",
     "check the indentation, or put a value that holds a ':' in quotes"},
    {"illegal map key", "a key cannot stand here", "check the indentation and the line before"},
    {"illegal block entry",
     "a list item ('- ') cannot stand here",
     "start the list on a line of its own"},
    {"illegal flow end", "unexpected ']' or '}'", "remove it, or open the list or map before it"},
    {"end of map not found",
     "unexpected text in a map",
     "check the indentation, and the quotes of the line before"},
    {"end of sequence not found",
     "unexpected text in a list",
     "check the indentation, and the quotes of the line before"},
    {"end of map flow not found", "a '{' is not closed", "add '}', or a ',' between two entries"},
    {"end of sequence flow not found",
     "a '[' is not closed",
     "add ']', or a ',' between two items"},
    {"unknown token", "a value cannot begin with this character", "put the value in quotes"},
    {"illegal tab when looking for indentation", "a tab in the indentation", "indent with spaces"},
    {"illegal EOF in scalar", "a quote is not closed", "add the closing quote"},
    {"illegal document indicator in scalar",
     "a quote is not closed before the end of the document",
     "add the closing quote"},
    {"the referenced anchor is not defined",
     "no anchor with this name stands before it",
     "put a value that begins with '*' in quotes"},
    {"alias not found after *", "a value cannot begin with '*'", "put the value in quotes"},
    {"anchor not found after &", "a value cannot begin with '&'", "put the value in quotes"},
    {"cannot assign multiple tags to the same node",
     "a value cannot begin with '!!'",
     "put the value in quotes"},
};

/// yaml-cpp accepts a tab here and there, and then stumbles over what it made of the line.
constexpr YamlExplanation tab_indentation = {{}, "a tab in the indentation", "indent with spaces"};

YamlExplanation explain(const std::string& theirs) {
    // Newer versions of the parser append the name they speak of.
    for (const YamlExplanation& known : yaml_explanations)
        if (theirs.starts_with(known.theirs)) return known;
    if (theirs.starts_with("unknown escape character"))
        return {{},
                "unknown escape sequence in a double-quoted text",
                "write \\\\ for a backslash, or use single quotes"};
    return {{}, theirs, {}};
}

class YamlBuilder final : public YAML::EventHandler {
 public:
    YamlBuilder(std::string_view text, const model::Location& file, Problems& problems)
        : text_(text), place_of_(text), file_(file), problems_(problems) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1) return;
        const Place place = place_of_(mark);
        if (text_.substr(place.offset).starts_with("---"))
            refuse(codes::syntax, place, "a second document begins here", "use one file for each");
        refuse(codes::syntax,
               place,
               "unexpected text after the end of the document",
               "check the indentation");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const Place place = place_of_(mark);
        add(place, {tree_.add_null(place), 1, 1}, anchor);
    }

    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override {
        const Place place = place_of_(mark);
        refuse_tag(place, tag);
        const bool plain = tag == "?";
        if (!plain) last_quoted_ = place;
        if (plain && value == "<<" && expects_key())
            refuse(codes::syntax,
                   place,
                   "merge keys are not supported",
                   "write the options out, or use an alias for the whole value");
        add(place, {tree_.add_scalar(place, value, plain), 1, 1}, anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        const Place place = place_of_(mark);
        if (found == anchors_.end())
            refuse(codes::syntax, place, "an alias cannot stand inside its own anchor", {});
        add(place, found->second, YAML::NullAnchor);
    }

    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string& tag,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, false);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark,
                    const std::string& tag,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, true);
    }
    void OnMapEnd() override { close(); }

    /// yaml-cpp takes the end of the file for a closing quote; only the last quoted text of a
    /// file can be open.
    void check_last_quote() {
        if (!last_quoted_ || is_closed(last_quoted_->offset)) return;
        refuse(codes::syntax,
               *last_quoted_,
               "the quote that opens here is not closed",
               "add the closing quote");
    }

    void report(const YAML::Exception& e) {
        YamlExplanation said = explain(e.msg);
        if (is_indented_by_tab(e.mark)) said = tab_indentation;
        report(codes::syntax, place_of_(e.mark), std::string(said.message), std::string(said.hint));
    }

    ParsedTree finish() {
        const Tree::Id root = root_ ? root_->id : tree_.add_null({1, 1, 0});
        return {std::move(tree_), root};
    }

 private:
    /// A finished node, with what an alias of it would add.
    struct Built {
        Tree::Id id;
        std::size_t nodes;  ///< in the subtree, aliases unfolded
        int height;
    };
    struct Frame {
        Place place;
        YAML::anchor_t anchor;
        bool is_map;
        std::size_t nodes = 1;
        int height = 1;
        std::vector<Tree::Id> children;
    };

    [[nodiscard]] bool expects_key() const {
        return !frames_.empty() && frames_.back().is_map && frames_.back().children.size() % 2 == 0;
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, bool is_map) {
        const Place place = place_of_(mark);
        refuse_tag(place, tag);
        if (expects_key()) refuse_key(place);
        if (frames_.size() + 1 >= static_cast<std::size_t>(yaml_depth_max)) refuse_depth(place);
        frames_.push_back({place, anchor, is_map, 1, 1, {}});
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        if (frame.is_map) drop_duplicates(frame.children);
        const Tree::Id id = frame.is_map ? tree_.add_map(frame.place, frame.children)
                                         : tree_.add_list(frame.place, frame.children);
        add(frame.place, {id, frame.nodes, frame.height}, frame.anchor);
    }

    void add(Place place, Built built, YAML::anchor_t anchor) {
        if (expects_key() && tree_.node(built.id).kind() != NodeKind::scalar) refuse_key(place);
        if (anchor != YAML::NullAnchor) anchors_.insert_or_assign(anchor, built);
        if (frames_.empty()) {
            root_ = built;
            return;
        }
        Frame& parent = frames_.back();
        parent.children.push_back(built.id);
        parent.nodes += built.nodes;
        parent.height = std::max(parent.height, built.height + 1);
        if (++events_ > yaml_nodes_max || parent.nodes > yaml_nodes_max)
            refuse(codes::limit,
                   place,
                   "more than " + std::to_string(yaml_nodes_max) + " values, aliases unfolded",
                   {});
        if (frames_.size() + static_cast<std::size_t>(built.height) >
            static_cast<std::size_t>(yaml_depth_max))
            refuse_depth(place);
    }

    void drop_duplicates(std::vector<Tree::Id>& children) {
        std::unordered_map<std::string_view, Tree::Id> first;
        first.reserve(children.size() / 2);
        std::size_t kept = 0;
        for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
            const TreeNode key = tree_.node(children[i]);
            const auto [known, fresh] = first.try_emplace(key.text(), children[i]);
            if (!fresh) {
                report_duplicate(key, tree_.node(known->second));
                continue;
            }
            children[kept] = children[i];
            children[kept + 1] = children[i + 1];
            kept += 2;
        }
        children.resize(kept);
    }

    void report_duplicate(TreeNode again, TreeNode first) {
        model::Location at = location(again.place());
        at.path = open_path() + printable(again.text());
        problems_.error(codes::duplicate,
                        at,
                        in_quotes(again.text()) + " stands twice in this section",
                        "it stands first in line " + std::to_string(first.place().line));
    }

    [[nodiscard]] bool is_indented_by_tab(const YAML::Mark& mark) const {
        if (mark.pos < 0 || mark.column < 0 || mark.pos < mark.column) return false;
        const auto line_begin = static_cast<std::size_t>(mark.pos - mark.column);
        const std::string_view line = text_.substr(std::min(line_begin, text_.size()));
        return line.find('\t') < line.find_first_not_of(" \t");
    }

    [[nodiscard]] bool is_closed(std::size_t at) const {
        const char quote = at < text_.size() ? text_[at] : '\0';
        if (quote != '"' && quote != '\'') return true;  // a block: ends with its indentation
        for (++at; at < text_.size(); ++at) {
            if (quote == '"' && text_[at] == '\\') {
                ++at;
            } else if (text_[at] == quote) {
                const bool doubled = quote == '\'' && text_.substr(at + 1).starts_with('\'');
                if (!doubled) return true;
                ++at;
            }
        }
        return false;
    }

    void refuse_tag(Place place, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        refuse(codes::syntax,
               place,
               "tags are not supported",
               "put a value that begins with '!' in quotes");
    }
    [[noreturn]] void refuse_key(Place place) {
        refuse(codes::syntax, place, "a key must be a single value", {});
    }
    [[noreturn]] void refuse_depth(Place place) {
        refuse(codes::limit,
               place,
               "nested more than " + std::to_string(yaml_depth_max) + " levels deep",
               {});
    }
    [[noreturn]] void refuse(std::string_view code,
                             Place place,
                             std::string message,
                             std::string hint) {
        report(code, place, std::move(message), std::move(hint));
        throw Stop{};
    }
    void report(std::string_view code, Place place, std::string message, std::string hint) {
        problems_.error(code, location(place), std::move(message), std::move(hint));
    }
    [[nodiscard]] model::Location location(Place place) const {
        model::Location at = file_;
        at.line = static_cast<int>(place.line);
        at.column = static_cast<int>(place.column);
        return at;
    }
    /// The path to the node that is being read, with a dot behind each key.
    [[nodiscard]] std::string open_path() const {
        std::string out;
        for (const Frame& frame : frames_) {
            if (frame.is_map) {
                out += printable(tree_.node(frame.children.back()).text()) + '.';
            } else {
                if (out.ends_with('.')) out.pop_back();
                out += '[' + std::to_string(frame.children.size()) + "].";
            }
        }
        return out;
    }

    std::string_view text_;
    YamlPlaces place_of_;
    const model::Location& file_;
    Problems& problems_;

    Tree tree_;
    std::vector<Frame> frames_;
    std::unordered_map<YAML::anchor_t, Built> anchors_;
    std::optional<Built> root_;
    std::optional<Place> last_quoted_;
    std::size_t events_ = 0;
    int documents_ = 0;
};

}  // namespace

std::optional<ParsedTree> parse_yaml(std::string_view text,
                                     const model::Location& file,
                                     Problems& problems) {
    // Without a final line break yaml-cpp reports an open quote elsewhere, or not at all.
    std::string whole(text);
    if (!whole.ends_with('\n')) whole += '\n';
    YamlBuilder builder(whole, file, problems);
    try {
        std::istringstream in(whole);
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
        builder.check_last_quote();
    } catch (const YAML::Exception& e) {
        builder.report(e);
        return std::nullopt;
    } catch (const Stop&) {
        return std::nullopt;
    }
    return builder.finish();
}

}  // namespace mesh::config
