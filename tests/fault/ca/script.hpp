#pragma once
#include "acme/failure.hpp"
#include "fault/ca/message.hpp"

#include <deque>
#include <limits>

namespace mesh::fault {

/// A request as a script sees it.
struct Asked {
    acme::Step step = acme::Step::directory;
    std::string url;
    std::vector<std::string> names;  ///< it is about, as far as the CA knows
    std::size_t number = 0;          ///< of the requests of this step, from 1
};

/// Does what a correct CA does with the request, and gives its answer.
using Execute = std::function<Reply()>;
using Conduct = std::function<Reply(const Asked&, const Execute&)>;

/// One deviation from correct behaviour: which requests it concerns, how often, and what happens.
///
///     ca.script.on(Step::finalize).once().instead(problem(400, "badCSR", "no"));
///     ca.script.on(Step::new_order).about("a.example").changed([](Reply& r) { r.lost = true; });
class Rule {
 public:
    Rule& once() { return times(1); }
    Rule& times(std::size_t count);
    /// The first `count` requests pass.
    Rule& after(std::size_t count);
    Rule& about(std::string name);

    /// Answers without doing anything.
    void instead(Reply reply);
    /// Executes, then changes the answer.
    void changed(std::function<void(Reply&)> change);
    void by(Conduct conduct);

 private:
    friend class Script;
    [[nodiscard]] bool takes(const Asked& asked);

    std::optional<acme::Step> step_;  ///< none: every step
    std::string name_;
    std::size_t passing_ = 0;
    std::size_t left_ = std::numeric_limits<std::size_t>::max();
    Conduct conduct_;
};

/// The rules in force; the first that takes a request decides.
class Script {
 public:
    Rule& on(acme::Step step);
    Rule& on_all();
    void clear() { rules_.clear(); }

    [[nodiscard]] Reply perform(const Asked& asked, const Execute& execute);

 private:
    std::deque<Rule> rules_;  ///< references to rules stay good
};

}  // namespace mesh::fault
