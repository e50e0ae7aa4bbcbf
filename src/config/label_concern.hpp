#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// The objects of a unit, by what errors in its labels say of them. Paths are like
/// "tcp.routers.NAME@PROVIDER".
class ConcernIndex {
 public:
    using Paths = std::set<std::string>;

    template <class Object>
    void add(std::string_view section, const std::map<std::string, Object>& objects) {
        for (const auto& [key, ignored] : objects) add(section, key);
    }
    void add_generated();

    [[nodiscard]] const Paths& all() const& { return all_; }
    /// Whether an error at `path`, the label's key, may be about any of them: the path is cut.
    [[nodiscard]] static bool may_be_any(std::string_view path);
    /// Which an error is about, that is not about any. More than one where that is in doubt; a
    /// misspelled section counts as that of an object of the same name. None where no object of
    /// that name is left.
    [[nodiscard]] Paths of(std::string_view path, const std::vector<std::string>& prefixes) const;

 private:
    struct Known {
        std::string section;
        std::string path;
    };
    void add(std::string_view section, const std::string& key);

    Paths all_;
    std::map<std::string, std::vector<Known>, std::less<>> by_name_;  ///< as names are shown
    bool has_generated_ = false;
};

/// The service or middleware that a label is about, whatever else is wrong with its key. In doubt
/// it is both. Nothing: about neither.
struct NamedInLabel {
    std::string_view name;
    bool is_service = false;
    bool is_middleware = false;
};
[[nodiscard]] std::optional<NamedInLabel> named_in_label(std::string_view key,
                                                         const std::vector<std::string>& prefixes);

/// What stands behind the object's name in the key: ".tls.options".
[[nodiscard]] std::string_view option_in_label(std::string_view path,
                                               const std::vector<std::string>& prefixes);

}  // namespace mesh::config
