#include "fault/ca/script.hpp"

#include <algorithm>

namespace mesh::fault {

Rule& Rule::times(std::size_t count) {
    left_ = count;
    return *this;
}

Rule& Rule::after(std::size_t count) {
    passing_ = count;
    return *this;
}

Rule& Rule::about(std::string name) {
    name_ = std::move(name);
    return *this;
}

void Rule::instead(Reply reply) {
    by([reply = std::move(reply)](const Asked&, const Execute&) { return reply; });
}

void Rule::changed(std::function<void(Reply&)> change) {
    by([change = std::move(change)](const Asked&, const Execute& execute) {
        Reply reply = execute();
        change(reply);
        return reply;
    });
}

void Rule::by(Conduct conduct) {
    conduct_ = std::move(conduct);
}

bool Rule::takes(const Asked& asked) {
    if (!conduct_ || left_ == 0 || (step_ && *step_ != asked.step)) return false;
    const bool concerns =
        name_.empty() ||
        std::find(asked.names.begin(), asked.names.end(), name_) != asked.names.end();
    if (!concerns) return false;
    if (passing_ > 0) {
        --passing_;
        return false;
    }
    --left_;
    return true;
}

Rule& Script::on(acme::Step step) {
    Rule& rule = on_all();
    rule.step_ = step;
    return rule;
}

Rule& Script::on_all() {
    return rules_.emplace_back();
}

Reply Script::perform(const Asked& asked, const Execute& execute) {
    for (Rule& rule : rules_) {
        if (!rule.takes(asked)) continue;
        const Conduct conduct = rule.conduct_;  // it may clear the script
        return conduct(asked, execute);
    }
    return execute();
}

}  // namespace mesh::fault
