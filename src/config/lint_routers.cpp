// Routers of one entry point against each other.
#include "config/codes.hpp"
#include "config/resolve.hpp"
#include "rules/contest.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace mesh::config {

rules::Rank rank_of(const model::Router& router) {
    return {router.rule, router.priority, router.provider, router.name};
}

namespace {

using Router = model::Router;

const model::Location& place_of(const Resolution& resolution, const std::string& router) {
    return resolution.draft().tcp.routers.at(router).rule->at;
}

/// The routers that compete for the same connections: of one entry point, and TLS or plain.
struct Table {
    std::vector<const Router*> routers;
    std::vector<rules::RankedRule> rules;  ///< payload: place in `routers`
    /// By place in `routers`, those that nothing reaches here.
    std::map<std::size_t, rules::Contest> lost;
};
using Tables = std::map<std::pair<std::string, bool>, Table>;

Tables tables_of(const model::Configuration& configuration) {
    Tables tables;
    for (const auto& [name, router] : configuration.routers) {
        for (const std::string& entry_point : router.entry_points) {
            Table& table = tables[{entry_point, router.tls.has_value()}];
            table.rules.push_back({router.rule, rank_of(router), table.routers.size()});
            table.routers.push_back(&router);
        }
    }
    for (auto& [key, table] : tables)
        for (const rules::Contest& contest : rules::never_reached(table.rules))
            table.lost.emplace(contest.loser, contest);
    return tables;
}

/// Of two routers with one rule on one entry point only one ever gets a connection.
void lint_same_rules(Resolution& resolution) {
    using Key = std::tuple<std::string_view, bool, std::string_view>;
    std::map<Key, const Router*> winners;
    std::map<std::string, std::pair<const Router*, std::string>> losers;
    for (const auto& [name, router] : resolution.out.routers) {
        for (const std::string& entry_point : router.entry_points) {
            const Key key{entry_point, router.tls.has_value(), router.rule.text()};
            const auto [known, fresh] = winners.try_emplace(key, &router);
            if (fresh) continue;
            const Router* loser = &router;
            if (rank_of(router).outranks(rank_of(*known->second)))
                loser = std::exchange(known->second, &router);
            losers.try_emplace(loser->name, known->second, entry_point);
        }
    }
    for (const auto& [name, lost] : losers)
        resolution.problems().warning(codes::same_rule,
                                      place_of(resolution, name),
                                      "router \"" + lost.first->name +
                                          "\" has the same rule on entry point \"" + lost.second +
                                          "\" and takes every connection there");
}

void warn_never_reached(Resolution& resolution, const Router& router, const Router* winner) {
    const model::Location& at = place_of(resolution, router.name);
    if (winner == nullptr)
        return resolution.problems().warning(
            codes::never_reached, at, "no connection can match this rule");
    if (winner->rule == router.rule) return;  // lint_same_rules says so
    resolution.problems().warning(codes::never_reached,
                                  at,
                                  "no connection reaches this router: all that its rule matches go "
                                  "to routers that outrank it, such as \"" +
                                      winner->name + '"',
                                  "give it a higher priority");
}

/// Routers that nothing reaches on any of their entry points.
void lint_never_reached(Resolution& resolution, const Tables& tables) {
    struct Loss {
        std::size_t entry_points = 0;
        const Router* winner = nullptr;
    };
    std::map<const Router*, Loss> losses;
    for (const auto& [key, table] : tables) {
        for (const auto& [place, contest] : table.lost) {
            Loss& loss = losses[table.routers[place]];
            ++loss.entry_points;
            if (contest.winner && loss.winner == nullptr)
                loss.winner = table.routers[*contest.winner];
        }
    }
    for (const auto& [router, loss] : losses)
        if (loss.entry_points == router->entry_points.size())
            warn_never_reached(resolution, *router, loss.winner);
}

/// Routers that lose connections to others for no reason but their names.
void lint_equal_ranks(Resolution& resolution, const Tables& tables) {
    std::map<std::string, const Router*> winner_of;
    for (const auto& [key, table] : tables) {
        for (const rules::Contest& contest : rules::decided_by_name(table.rules)) {
            if (table.lost.contains(contest.loser) || table.lost.contains(*contest.winner))
                continue;
            winner_of.try_emplace(table.routers[contest.loser]->name,
                                  table.routers[*contest.winner]);
        }
    }
    for (const auto& [name, winner] : winner_of)
        resolution.problems().warning(codes::equal_rank,
                                      place_of(resolution, name),
                                      "router \"" + winner->name +
                                          "\" has the same priority and can match the same "
                                          "connections, which it gets because of its name",
                                      "give one of them a priority");
}

/// Which of the two a connection is for only the client's first bytes can tell, so they are waited
/// for; its client may wait for the server's.
void lint_server_first(Resolution& resolution, const Tables& tables) {
    std::set<const Router*> told;
    for (const auto& [key, plain] : tables) {
        const auto& [entry_point, is_tls] = key;
        if (is_tls || !tables.contains({entry_point, true})) continue;
        const auto defined = resolution.out.entry_points.find(entry_point);
        if (defined != resolution.out.entry_points.end() &&
            defined->second.detect.server_first_timeout)
            continue;
        if (!told.insert(plain.routers.front()).second) continue;
        resolution.problems().warning(
            codes::server_first,
            place_of(resolution, plain.routers.front()->name),
            "entry point \"" + entry_point +
                "\" has routers with TLS too, so the client has to speak first: a server that does "
                "(SMTP, MySQL, SSH) is not heard",
            "give such a server an entry point of its own, or set detect.serverFirstTimeout");
    }
}

}  // namespace

void lint_routers(Resolution& resolution) {
    const Tables tables = tables_of(resolution.out);
    lint_same_rules(resolution);
    lint_never_reached(resolution, tables);
    lint_equal_ranks(resolution, tables);
    lint_server_first(resolution, tables);
}

}  // namespace mesh::config
