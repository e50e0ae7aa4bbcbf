// Docker and Consul beside a running mesh: what they report is read into the configuration, or
// given to the data path at once.
#include "app/application.hpp"
#include "app/served_pools.hpp"
#include "app/version.hpp"

#include <utility>

namespace mesh::app {
namespace {

/// A long poll holds its connection: as many as one daemon bears, see consul_provider.
constexpr unsigned provider_connections_max = 256;
/// An order that was begun for a router with labels is not to be given up because they are not
/// known yet; a daemon that does not come must not keep others from their certificates.
constexpr std::chrono::seconds patience_with_silence{10};
/// With one that answers, but has much to say.
constexpr std::chrono::seconds patience_with_reports{60};
constexpr std::chrono::milliseconds look_at_providers_again{1'000};
constexpr std::chrono::seconds refused_again_after{10};

}  // namespace

void Application::begin_to_follow() {
    const auto surroundings = [this] {
        if (!provider_http_)
            provider_http_ = http::make_curl_client("mesh/" + version(), provider_connections_max);
        return providers::Surroundings{*provider_http_, loop_, clock_, log_};
    };
    providers_ = std::make_unique<FollowedProviders>(
        loop_,
        clock_,
        FollowedProviders::Makers{
            [surroundings](const model::DockerProvider& settings, providers::Report report) {
                return providers::make_docker(settings, surroundings(), std::move(report));
            },
            [surroundings](const model::ConsulCatalogProvider& settings, providers::Report report) {
                return providers::make_consul_catalog(settings, surroundings(), std::move(report));
            }},
        FollowedProviders::Wishes{
            [this] { read_for_providers(); },
            [this](const config::InventoryPtr& inventory) { change_servers(inventory); }});
    follow_providers();
    want_certificates();
}

void Application::follow_providers() {
    if (providers_->follow(configuration_)) waits_for_providers_since_.reset();
}

/// With what the files held when they were read last.
void Application::read_for_providers() {
    if (!draining_) reload_->request([](const ReloadOutcome&) {});
}

/// A reading was refused that had news of providers, perhaps. What is wrong in files is not to keep
/// them out; what is wrong without any change of files may mend itself.
void Application::read_again_for_providers(bool of_files) {
    if (!providers_->has_news()) return;
    if (of_files) return read_for_providers();
    if (std::exchange(reads_again_, true)) return;
    loop_.post_after(refused_again_after, [this] {
        reads_again_ = false;
        if (providers_->has_news()) read_for_providers();
    });
}

/// Connections that come from now on go to these; the routes stay.
void Application::change_servers(const config::InventoryPtr& inventory) {
    if (!covered_) want_certificates();  // it may have waited for this one
    const std::vector<std::string> changed = set_servers(configuration_, *inventory);
    if (changed.empty()) return;
    give_servers(configuration_, *snapshot_);
    resolve_server_names();
    check_servers();
    log_.debug("servers_changed",
               "servers come or go as their provider says",
               {{"provider", inventory->provider},
                {"services", std::uint64_t{changed.size()}},
                {"first", changed.front()}});
}

void Application::give_servers(const model::Configuration& configuration,
                               const proxy::Snapshot& snapshot) {
    std::vector<proxy::ServiceServers> services;
    for (const auto& [name, service] : snapshot.services)
        if (service->is_followed)
            services.push_back({service, configuration.services.at(name).servers});
    data_plane_->set_servers(services);
}

void Application::resolve_server_names() {
    if (const Status resolving = names_->set_hosts(host_names(configuration_)); !resolving)
        log_.error("names_unresolved",
                   "servers written as host names keep the addresses they have",
                   {{"reason", resolving.error().message}});
}

/// Those that connections may go to, or may again after the next reload, as long as their services
/// want it.
void Application::check_servers() {
    std::vector<proxy::CheckedServer> servers;
    const auto add = [&](const std::string& name, const proxy::Service& service) {
        const auto definition = configuration_.services.find(name);
        if (definition == configuration_.services.end()) return;
        const model::Service& wanted = definition->second;
        if (!wanted.health_check) return;
        for (const model::Server& server : wanted.servers)
            servers.push_back({name,
                               server,
                               *wanted.health_check,
                               wanted.proxy_protocol,
                               service.states->of(server.host, server.port)});
    };
    for (const auto& [name, service] : snapshot_->services) add(name, *service);
    for (const auto& [name, rested] : snapshot_->resting) add(name, *rested.service);
    if (const Status checking = checks_->set_servers(std::move(servers)); !checking)
        log_.error("checks_stopped",
                   "health checks cannot begin: servers count as up",
                   {{"reason", checking.error().message}});
}

/// Whether what is wanted may lack what providers have not said yet.
bool Application::awaits_providers() {
    // Until they are followed; then this is asked again.
    if (!providers_) return configuration_.docker || configuration_.consul_catalog;
    if (providers_->all_applied()) return false;
    const SteadyTime now = clock_.steady_now();
    if (!waits_for_providers_since_) waits_for_providers_since_ = now;
    const auto patience =
        providers_->are_about_to_report() ? patience_with_reports : patience_with_silence;
    if (now - *waits_for_providers_since_ >= patience) return false;
    if (!std::exchange(looks_at_providers_again_, true))
        loop_.post_after(look_at_providers_again, [this] {
            looks_at_providers_again_ = false;
            want_certificates();
        });
    return true;
}

}  // namespace mesh::app
