#pragma once
#include "config/finding.hpp"
#include "model/location.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace mesh::config {

/// Collects findings while a configuration is read. The same finding twice is one, as when many
/// routers take a wrong value from one place. Keeps the first `kept_max` and counts the
/// rest, so that a broken file of many megabytes costs neither memory nor a screen.
class Problems {
 public:
    static constexpr std::size_t kept_max = 1000;

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

    [[nodiscard]] std::size_t errors() const { return errors_; }
    [[nodiscard]] std::size_t warnings() const { return warnings_; }
    /// Whether take() does not give all errors.
    [[nodiscard]] bool hides_errors() const { return errors_left_out_ > 0; }

    /// The findings sorted by place; a last one says how many were left out.
    [[nodiscard]] std::vector<Finding> take();

 private:
    [[nodiscard]] bool is_known(const Finding& finding);

    std::vector<Finding> kept_;
    std::set<std::tuple<std::string, int, int, std::string, std::string>> known_;
    std::size_t errors_ = 0;
    std::size_t warnings_ = 0;
    std::size_t left_out_ = 0;
    std::size_t errors_left_out_ = 0;
};

/// The finding for a place of the configuration.
[[nodiscard]] Finding finding_at(Severity severity,
                                 std::string_view code,
                                 const model::Location& at,
                                 std::string message,
                                 std::string hint = {});

}  // namespace mesh::config
