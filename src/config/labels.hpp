#pragma once
#include "config/problems.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// A label of a container, or a tag of a service taken apart at its first '='.
struct Label {
    std::string key;
    std::string value;
    int line = 0;  ///< 1-based, where it came from a file; else 0
    int column = 0;
};

/// Bounds of what one container or service may say. They count what begins with a prefix.
inline constexpr std::size_t labels_max = 10'000;
inline constexpr std::size_t label_key_size_max = 1024;
inline constexpr std::size_t label_value_size_max = std::size_t{64} * 1024;
inline constexpr std::size_t label_depth_max = 32;
inline constexpr std::uint32_t label_index_max = 999;

/// How labels are told apart from those of others, and whose they are.
struct LabelReading {
    /// In any case. An empty one stands for labels without a prefix: then whatever is not mesh's
    /// is somebody else's.
    std::vector<std::string> prefixes = {"mesh"};
    /// In findings: the name of a file, or "container web".
    std::shared_ptr<const std::string> source;
};

/// Which labels the nodes of a tree come from: Place::offset of such a node stands for an entry.
class LabelPaths {
 public:
    /// A node that `key`, or its first `size` bytes, names.
    [[nodiscard]] std::uint32_t add(std::string_view key, std::size_t size);
    /// What names the node: the label's key up to it. Printable.
    [[nodiscard]] std::string path(Place place) const;
    /// The whole key of the first label that the node comes from. Printable.
    [[nodiscard]] std::string key(Place place) const;

 private:
    struct Part {
        std::string_view key;
        std::size_t size;
    };
    std::vector<Part> parts_;
};

/// What the labels say. Holds views of the labels it was made from: lives no longer than they.
struct ParsedLabels {
    ParsedTree parsed;  ///< {tcp, tls}, for the decoder
    LabelPaths paths;
    std::optional<bool> enable;  ///< `<prefix>.enable`
    std::string network;         ///< `<prefix>.docker.network`; may be empty
    std::size_t count = 0;       ///< labels that begin with a prefix
};

/// Puts labels together to the tree that a file would give. A pure function of its arguments.
///
/// Keys are `<prefix>.tcp.…` and `<prefix>.tls.stores.default.defaultGeneratedCert.…`: parts
/// between dots, options in any case, names as they are written; `name[3]` is an item of a list.
/// Items come in the order of their numbers, gaps closed. Values stay text; what splits at commas,
/// and what `true` means on a section, is the decoder's affair.
///
/// Everything else below the prefix is an error that names the whole key, but for `http.*` and
/// `udp.*`: one warning for all of them. A label that is wrong is left out, the others are read.
/// With `enable` = false nothing else is looked at, and the tree is empty.
[[nodiscard]] ParsedLabels parse_labels(std::span<const Label> labels,
                                        const LabelReading& reading,
                                        Problems& problems);

}  // namespace mesh::config
