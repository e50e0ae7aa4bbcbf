#pragma once
#include "config/draft.hpp"
#include "config/inventory.hpp"
#include "config/label_concern.hpp"
#include "config/label_objects.hpp"
#include "config/last_forms.hpp"
#include "config/load.hpp"
#include "config/problems.hpp"
#include "config/unit_index.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mesh::config {

/// Puts what providers know into a draft that has the files' objects, and keeps what is wrong in
/// it to the object concerned, in a way that makes nothing laxer: what worked before keeps that
/// form as long as one of those that defined it is there, with the servers of today; a router that
/// did not is closed; anything else is left out.
class LabelIsolator {
 public:
    /// `last_good` may be null.
    LabelIsolator(Draft& draft, const Draft* last_good) : draft_(draft), last_good_(last_good) {}

    void add(const InventoryPtr& inventory, const std::vector<std::string>& prefixes);
    /// After all were added.
    void merge();
    /// Changes the draft for errors that were found in it. After a change it may have others, in
    /// what refers to the objects concerned; the caller comes again with those.
    void take_out(const Problems::Aside& errors);
    /// At the end: what worked once and is not applied now stays with the draft.
    void keep_last_forms();

    /// All that was found, errors too.
    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] const std::vector<Isolated>& isolated() const { return isolated_; }

 private:
    /// What one unit says of an object.
    template <class T>
    struct Definition {
        T object;
        const LabelledUnit* unit = nullptr;
        std::optional<Finding> fault;
        /// Of a router: what its connections are is not known for certain.
        bool is_vague = false;
    };
    template <class T>
    using Definitions = std::map<std::string, std::vector<Definition<T>>>;
    /// How far an object at fault has come.
    enum class Stage { restored, closed, gone };

    struct Unit {
        const LabelledUnit* labelled = nullptr;
        InventoryPtr inventory;
        std::size_t index = 0;
        std::vector<std::string> prefixes;
    };

    class LastParts;
    /// What is wrong in a unit, by the paths of the objects concerned.
    struct UnitFaults {
        std::map<std::string, Finding> of;
        std::set<std::string> vague;  ///< routers whose connections are in doubt
        std::map<std::string, Finding> of_before;

        void add(const std::set<std::string>& paths,
                 std::string_view option,
                 const Finding& error,
                 UnitObjects& objects);
    };
    [[nodiscard]] UnitFaults all_faulty(const Unit& unit,
                                        const UnitObjects& objects,
                                        const Finding& error);
    [[nodiscard]] ConcernIndex concerns_of_before(const Unit& unit);
    [[nodiscard]] UnitFaults faults_in(const Unit& unit,
                                       UnitObjects& objects,
                                       const std::vector<Finding>& found);

    void read(const Unit& unit);
    void add_definitions(const Unit& unit, UnitObjects objects, const UnitFaults& faults);
    void add_last_forms(const Unit& unit, const UnitFaults& faults);
    void check_pool(const Unit& unit, const ServiceDraft& service, const std::string& name);

    void claim(const Unit& unit);
    void claim_names();
    void claim_last_names(const std::map<std::string, std::vector<std::string>>& before,
                          const std::set<std::string>& meant,
                          ClaimedNames::Names& now) const;
    [[nodiscard]] std::set<std::string> names_meant() const;

    [[nodiscard]] LastForms::OfUnit last_forms_of(const Unit& unit);

    void merge_routers();
    void merge_middlewares();
    void merge_services();
    void merge_service(const std::string& key, const std::vector<Definition<ServiceDraft>>& all);
    [[nodiscard]] std::vector<ServiceDraft> parts_of_service(
        const std::string& key, const std::vector<Definition<ServiceDraft>>& all);
    void merge_generated();
    template <class T>
    static void leave_out_absent(std::vector<Definition<T>>& all);
    template <class T>
    [[nodiscard]] std::optional<Finding> fault_of(const std::string& what,
                                                  const std::string& key,
                                                  const std::vector<Definition<T>>& all);

    void take_out(const std::string& path, const Finding& error);
    void take_out_router(const std::string& key, const Finding& error);
    void take_out_service(const std::string& key, const Finding& error);
    void take_out_middleware(const std::string& key, const Finding& error);
    void take_out_generated(const Finding& error);

    template <class T>
    [[nodiscard]] std::optional<T> last_form(std::map<std::string, T> TcpDraft::*objects,
                                             const std::string& key) const;
    [[nodiscard]] std::optional<ServiceDraft> last_service(const std::string& key);
    [[nodiscard]] std::optional<GeneratedCertificateDraft> last_generated() const;
    /// True if it was put back.
    bool restore_router(const std::string& key);
    void bring_along(const RouterDraft& router);
    void bring_service(const std::string& key);
    void bring_parts(const std::string& key);
    void keep_last_service(const std::string& key);
    template <class T>
    void keep_last_form(std::map<std::string, T> TcpDraft::*objects, const std::string& key);
    void close_router(const std::string& key, const Finding& error);
    [[nodiscard]] std::vector<std::string> alive(const std::vector<std::string>& units,
                                                 const std::string& key) const;

    void note(const std::string& path, Isolated::State state, const Finding& error);

    Draft& draft_;
    const Draft* last_good_;
    std::vector<Unit> units_;
    UnitIndex today_;
    std::optional<LastForms> last_forms_;  ///< once they were asked for
    /// "NAME@PROVIDER" and "SOURCE@PROVIDER" of the units in which nothing is wrong.
    std::set<std::string> right_;

    Definitions<RouterDraft> routers_;
    Definitions<MiddlewareDraft> middlewares_;
    Definitions<ServiceDraft> services_;
    std::vector<Definition<GeneratedCertificateDraft>> generated_;

    std::map<std::string, Stage> stages_;  ///< by path
    std::vector<Finding> findings_;
    std::vector<Isolated> isolated_;
    std::map<std::string, std::size_t> place_in_isolated_;  ///< by path
};

}  // namespace mesh::config
