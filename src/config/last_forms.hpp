#pragma once
#include "config/draft.hpp"
#include "config/unit_index.hpp"

#include <map>
#include <string>
#include <vector>

namespace mesh::config {

/// What worked last, by the units that defined it.
class LastForms {
 public:
    /// By keys; nothing is copied.
    struct OfUnit {
        std::map<std::string, const RouterDraft*> routers;
        std::map<std::string, const MiddlewareDraft*> middlewares;
        std::map<std::string, const ServiceDraft*> services;
        const GeneratedCertificateDraft* generated = nullptr;
    };

    /// `last_good` outlives it; null: nothing worked. `today` tells which units are left.
    LastForms(const Draft* last_good, const UnitIndex& today);

    /// Of those it has defined by its source; by its name, which others may have too, only where no
    /// source of before is left.
    [[nodiscard]] OfUnit of(const LabelledUnit& unit) const;

 private:
    template <class Add>
    void add(const std::vector<std::string>& owners,
             const std::string& provider,
             const UnitIndex& today,
             Add add_to);
    template <class T>
    void add_all(std::map<std::string, const T*> OfUnit::*objects,
                 const std::map<std::string, T>& before,
                 const UnitIndex& today);
    void add_generated(const Draft& last_good, const UnitIndex& today);

    std::map<std::string, OfUnit> by_source_;  ///< "SOURCE@PROVIDER"
    std::map<std::string, OfUnit> by_name_;    ///< "NAME@PROVIDER"
};

}  // namespace mesh::config
