#include "config/problems.hpp"

#include "config/codes.hpp"

#include <utility>

namespace mesh::config {

bool Problems::is_known(const Finding& finding) {
    if (kept_.size() >= kept_max) return false;
    return !known_
                .emplace(finding.file, finding.line, finding.column, finding.path, finding.message)
                .second;
}

void Problems::add(Finding finding) {
    if (is_known(finding)) return;
    const bool is_error = finding.severity == Severity::error;
    if (is_error) ++errors_;
    if (finding.severity == Severity::warning) ++warnings_;
    if (kept_.size() < kept_max) {
        kept_.push_back(std::move(finding));
        return;
    }
    ++left_out_;
    if (is_error) ++errors_left_out_;
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

std::vector<Finding> Problems::take() {
    sort_by_place(kept_);
    if (left_out_ > 0) {
        Finding rest;
        rest.severity = errors_left_out_ > 0 ? Severity::error : Severity::warning;
        rest.code = codes::limit;
        rest.file = kept_.back().file;
        rest.message = std::to_string(left_out_) + " more findings are not shown";
        kept_.push_back(std::move(rest));
    }
    return std::exchange(kept_, {});
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
