#pragma once
#include "config/draft.hpp"
#include "config/schema.hpp"

#include <vector>

namespace mesh::config {

/// Decodes the whole configuration by the option tables. What is wrong is reported to the
/// source's problems; what comes back is complete as far as the file is right.
[[nodiscard]] Draft decode(const Source& source, TreeNode root);
/// The same for a file of providers.file: adds what it holds to `draft`.
void decode_dynamic(const Source& source, TreeNode root, Draft& draft);

// The tables, by section. Each file options_*.cpp holds those of one part.
[[nodiscard]] const Section<Draft>& root_section();
[[nodiscard]] const Section<EntryPointDraft>& entry_point_section();
[[nodiscard]] const Section<RouterTlsDraft>& entry_point_tls_section();
[[nodiscard]] const Section<ProxyProtocolDraft>& proxy_protocol_section();
[[nodiscard]] const Section<DetectionDraft>& detection_section();
[[nodiscard]] const Section<EntryPointDraft>& transport_section();
[[nodiscard]] const Section<EntryPointDraft>& responding_timeouts_section();
[[nodiscard]] const Section<EntryPointDraft>& life_cycle_section();
[[nodiscard]] const Section<ResolverDraft>& resolver_section();
[[nodiscard]] const Section<AcmeDraft>& acme_section();
[[nodiscard]] const Section<TcpDraft>& tcp_section();
[[nodiscard]] const Section<RouterDraft>& router_section();
[[nodiscard]] const Section<RouterTlsDraft>& router_tls_section();
[[nodiscard]] const Section<DomainDraft>& domain_section();
[[nodiscard]] const Section<MiddlewareDraft>& middleware_section();
[[nodiscard]] const Section<AllowListDraft>& allow_list_section();
[[nodiscard]] const Section<InFlightDraft>& in_flight_section();
[[nodiscard]] const Section<ServiceDraft>& service_section();
[[nodiscard]] const Section<WeightedDraft>& weighted_section();
[[nodiscard]] const Section<WeightedServiceDraft>& weighted_service_section();
[[nodiscard]] const Section<LoadBalancerDraft>& load_balancer_section();
[[nodiscard]] const Section<SentProxyDraft>& sent_proxy_section();
[[nodiscard]] const Section<HealthCheckDraft>& health_check_section();
[[nodiscard]] const Section<ServerDraft>& server_section();
[[nodiscard]] const Section<ContainerServerDraft>& container_server_section();
[[nodiscard]] const Section<ServersTransportDraft>& servers_transport_section();
[[nodiscard]] const Section<UpstreamTlsDraft>& upstream_tls_section();
[[nodiscard]] const Section<TlsDraft>& tls_section();
[[nodiscard]] const Section<TlsOptionsDraft>& tls_options_section();
[[nodiscard]] const Section<ClientAuthDraft>& client_auth_section();
[[nodiscard]] const Section<CertificateDraft>& certificate_section();
[[nodiscard]] const Section<StoresDraft>& stores_section();
[[nodiscard]] const Section<StoreDraft>& store_section();
[[nodiscard]] const Section<GeneratedCertificateDraft>& generated_certificate_section();
[[nodiscard]] const Section<LogDraft>& log_section();
[[nodiscard]] const Section<AccessLogDraft>& access_log_section();
[[nodiscard]] const Section<AccessLogDraft>& access_log_filters_section();
[[nodiscard]] const Section<ProvidersDraft>& providers_section();
[[nodiscard]] const Section<FileProviderDraft>& file_provider_section();
[[nodiscard]] const Section<DockerDraft>& docker_section();
[[nodiscard]] const Section<ConsulCatalogDraft>& consul_catalog_section();
[[nodiscard]] const Section<ConsulEndpointDraft>& consul_endpoint_section();
/// Of every provider.
[[nodiscard]] const Section<ProviderTlsDraft>& provider_tls_section();

/// Every section, in the order of the documentation.
[[nodiscard]] std::vector<SectionText> all_sections();

}  // namespace mesh::config
