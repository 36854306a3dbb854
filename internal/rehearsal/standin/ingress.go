package standin

import (
	"encoding/json"
	"strconv"
	"strings"
)

// port is one port that an app exposes in its environment.
type port struct {
	number   int
	external bool
	tcp      bool
}

// ports lists an app's exposed ports; those of the main HTTP ingress are the environment's own 80 and 443.
func ports(app *Resource) []port {
	ingress := app.in().object("configuration.ingress")
	if ingress == nil {
		return nil
	}
	list := []port{{external: ingress.flag("external")}}
	if strings.EqualFold(ingress.str("transport"), "tcp") {
		list[0].tcp, list[0].number = true, exposed(ingress)
	}
	for _, mapping := range ingress.objects("additionalPortMappings") {
		list = append(list, port{exposed(mapping), mapping.flag("external"), true})
	}
	return list
}

// exposed is the target port unless the ingress says otherwise.
func exposed(mapping props) int {
	if n := int(mapping.num("exposedPort")); n != 0 {
		return n
	}
	return int(mapping.num("targetPort"))
}

func admitIngress(w *World, r *Resource) error {
	environment := environmentOf(w, r)
	taken := map[int]bool{}
	for i, p := range ports(r) {
		switch {
		case i > 5:
			return refusal("ContainerAppTooManyAdditionalPorts",
				"The container app '%s' has more than 5 additional port mappings.", r.name())
		case !p.tcp:
			continue
		case p.number == 80 || p.number == 443 || p.number < 1 || p.number > 65535:
			return refusal("ContainerAppInvalidExposedPort",
				"The exposed port %d of '%s' is invalid: TCP ports are 1 to 65535, and not 80 or 443.", p.number, r.name())
		case taken[p.number]:
			return refusal("ContainerAppInvalidExposedPort", "The container app '%s' exposes port %d twice.", r.name(), p.number)
		case p.external && environment != nil && environment.in().str("vnetConfiguration.infrastructureSubnetId") == "":
			return refusal("ContainerAppTcpRequiresVnet",
				"Applications with external TCP ingress can only be deployed to Container App Environments that have "+
					"a custom VNET. "+
					"Set ingress traffic to 'Limited to Container Apps Environment' to deploy to a Container App "+
					"Environment without a custom VNET.")
		}
		taken[p.number] = true
		if err := portIsFree(w, r, p); err != nil {
			return err
		}
	}
	return nil
}

// portIsFree refuses an external port that another app of the environment exposes. Internal ones may be the same.
func portIsFree(w *World, r *Resource, p port) error {
	environment := environmentOf(w, r)
	for _, other := range w.each("app:ContainerApp") {
		if !p.external || environment == nil || fold(other.ID) == fold(r.ID) || environmentOf(w, other) != environment {
			continue
		}
		for _, taken := range ports(other) {
			if taken.external && taken.tcp && taken.number == p.number {
				return refusal("ContainerAppExposedPortInUse",
					"The exposed port %d of '%s' is in use by the container app '%s' in the same environment.",
					p.number, r.name(), other.name())
			}
		}
	}
	return nil
}

// gibibytes reads a quantity of memory such as "0.5Gi"; what can't be read is 0.
func gibibytes(quantity string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(quantity, "Gi"), 64)
	if err != nil {
		return 0
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// fingerprint changes when a template does: it names a new revision.
func fingerprint(template any) string {
	data, err := json.Marshal(template)
	if err != nil {
		return ""
	}
	return string(data)
}
