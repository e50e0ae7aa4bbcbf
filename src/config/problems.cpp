#include "config/problems.hpp"

#include "config/codes.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mesh::config {

bool Problems::is_known(const Finding& finding) {
    if (count(finding.severity) >= held_max_) return false;
    return !known_
                .emplace(finding.file, finding.line, finding.column, finding.path, finding.message)
                .second;
}

void Problems::add(Finding finding) {
    if (sets_aside_ && !concerned_.empty() && finding.severity == Severity::error) {
        // The same one may be another object's too, as when it is in an entry point's section.
        std::vector<Finding>& of_it = aside_[concerned_];
        if (of_it.size() < kept_max) of_it.push_back(std::move(finding));
        return;
    }
    if (is_known(finding)) return;
    if (++counts_[place_of(finding.severity)] <= held_max_) held_.push_back(std::move(finding));
}

void Problems::error(std::string_view code,
                     const model::Location& at,
                     std::string message,
                     std::string hint) {
    add(finding_at(Severity::error, code, at, std::move(message), std::move(hint)));
}

void Problems::warning(std::string_view code,
                       const model::Location& at,
                       std::string message,
                       std::string hint) {
    add(finding_at(Severity::warning, code, at, std::move(message), std::move(hint)));
}

void Problems::note(std::string_view code,
                    const model::Location& at,
                    std::string message,
                    std::string hint) {
    add(finding_at(Severity::note, code, at, std::move(message), std::move(hint)));
}

std::vector<Finding> Problems::first_of_held(std::size_t most) {
    std::array<std::size_t, 3> room{};
    for (const Severity severity : {Severity::error, Severity::warning, Severity::note}) {
        room[place_of(severity)] = std::min(count(severity), most);
        most -= room[place_of(severity)];
    }
    std::vector<Finding> first = std::exchange(held_, {});
    std::erase_if(first, [&](const Finding& finding) {
        std::size_t& left = room[place_of(finding.severity)];
        if (left == 0) return true;
        --left;
        return false;
    });
    sort_by_place(first);
    return first;
}

std::vector<Finding> Problems::take() {
    std::vector<Finding> shown = first_of_held(kept_max);
    std::size_t left_out = 0;
    for (const std::size_t found : counts_) left_out += found;
    left_out -= shown.size();
    if (left_out > 0) {
        Finding rest;
        rest.severity = errors() > kept_max ? Severity::error : Severity::warning;
        rest.code = codes::limit;
        rest.file = shown.back().file;
        rest.message = std::to_string(left_out) + " more findings are not shown";
        shown.push_back(std::move(rest));
    }
    return shown;
}

std::vector<Finding> Problems::take_held() {
    return first_of_held(std::numeric_limits<std::size_t>::max());
}

Finding finding_at(Severity severity,
                   std::string_view code,
                   const model::Location& at,
                   std::string message,
                   std::string hint) {
    Finding finding;
    finding.severity = severity;
    finding.code = code;
    if (at.file) finding.file = *at.file;
    finding.line = at.line;
    finding.column = at.column;
    finding.path = at.path;
    finding.message = std::move(message);
    finding.hint = std::move(hint);
    return finding;
}

}  // namespace mesh::config
