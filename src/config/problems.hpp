#pragma once
#include "config/finding.hpp"
#include "model/location.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mesh::config {

/// Collects findings while a configuration is read. The same finding twice is one, as when many
/// routers take a wrong value from one place. Holds a bounded number of them and counts the rest,
/// so that a broken file of many megabytes costs neither memory nor a screen. Each severity has a
/// bound of its own: no number of notes hides an error.
class Problems {
 public:
    /// As many are shown.
    static constexpr std::size_t kept_max = 1000;

    /// `held_max`: of each severity; more than are shown for who has to know all errors.
    /// `sets_aside`: whether errors within a Concerning are kept apart.
    explicit Problems(std::size_t held_max = kept_max, bool sets_aside = false)
        : held_max_(held_max), sets_aside_(sets_aside) {}

    /// While it lives, errors are those of one object of labels, and not of the configuration.
    class Concerning {
     public:
        /// An empty path: errors are the configuration's, as without it.
        Concerning(Problems& problems, std::string path) : problems_(problems) {
            problems_.concerned_ = std::move(path);
        }
        Concerning(const Concerning&) = delete;
        Concerning& operator=(const Concerning&) = delete;
        ~Concerning() { problems_.concerned_.clear(); }

     private:
        Problems& problems_;
    };
    /// By the paths of the objects; some of each.
    using Aside = std::map<std::string, std::vector<Finding>>;
    [[nodiscard]] Aside take_aside() { return std::exchange(aside_, {}); }

    void add(Finding finding);
    void error(std::string_view code,
               const model::Location& at,
               std::string message,
               std::string hint = {});
    void warning(std::string_view code,
                 const model::Location& at,
                 std::string message,
                 std::string hint = {});
    void note(std::string_view code,
              const model::Location& at,
              std::string message,
              std::string hint = {});

    [[nodiscard]] std::size_t errors() const { return count(Severity::error); }
    [[nodiscard]] std::size_t warnings() const { return count(Severity::warning); }
    /// Whether some errors are only counted.
    [[nodiscard]] bool hides_errors() const { return errors() > held_max_; }

    /// Those to show, sorted by place: errors before warnings before notes where there is no room
    /// for all. A last one says how many were left out.
    [[nodiscard]] std::vector<Finding> take();
    /// All that are held, sorted by place.
    [[nodiscard]] std::vector<Finding> take_held();

 private:
    static std::size_t place_of(Severity severity) { return static_cast<std::size_t>(severity); }
    [[nodiscard]] std::size_t count(Severity severity) const { return counts_[place_of(severity)]; }
    [[nodiscard]] bool is_known(const Finding& finding);
    [[nodiscard]] std::vector<Finding> first_of_held(std::size_t most);

    std::size_t held_max_;
    std::vector<Finding> held_;  ///< in the order they were found
    std::set<std::tuple<std::string, int, int, std::string, std::string>> known_;
    std::array<std::size_t, 3> counts_{};  ///< by severity, of all
    bool sets_aside_;
    std::string concerned_;
    Aside aside_;
};

/// The finding for a place of the configuration.
[[nodiscard]] Finding finding_at(Severity severity,
                                 std::string_view code,
                                 const model::Location& at,
                                 std::string message,
                                 std::string hint = {});

}  // namespace mesh::config
