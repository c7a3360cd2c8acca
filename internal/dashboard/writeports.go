package dashboard

import (
	"cmp"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

const (
	portsPath    = "/api/v1/ports"
	portsCSVPath = "/api/v1/ports.csv"
	portPath     = portsPath + "/{port}"
)

// chargerPortJSON is a port as the file of ports has it: every cell is a text, but public.
type chargerPortJSON struct {
	Port       string `json:"port,omitempty"` // in the body of a change: its new name
	Name       string `json:"name,omitempty"`
	Site       string `json:"site,omitempty"`
	Bay        string `json:"bay,omitempty"`
	Position   string `json:"position,omitempty"`
	PowerKW    string `json:"power_kw,omitempty"`
	Public     *bool  `json:"public,omitempty"` // yes, if not given
	Hours      string `json:"hours,omitempty"`
	Address    string `json:"address,omitempty"`
	City       string `json:"city,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	TimeZone   string `json:"time_zone,omitempty"`
	Latitude   string `json:"latitude,omitempty"`
	Longitude  string `json:"longitude,omitempty"`

	// What is plugged into it, in the words of OCPI.
	EVSE        string `json:"evse_id,omitempty"`
	Standard    string `json:"connector_standard,omitempty"`
	Format      string `json:"connector_format,omitempty"`
	PowerType   string `json:"power_type,omitempty"`
	MaxVoltage  string `json:"max_voltage,omitempty"`
	MaxAmperage string `json:"max_amperage,omitempty"`

	Lines []portLineJSON `json:"lines"` // the charge points that it was, one after the other

	OCPILacks []string `json:"ocpi_lacks,omitempty"` // the columns for want of which partners do not see it; a change can't set it
}

// portLineJSON is one of them.
type portLineJSON struct {
	CP             string `json:"cp_id"`
	Commissioned   string `json:"commissioned,omitempty"`
	Decommissioned string `json:"decommissioned,omitempty"`
}

// chargerPortsJSON are all ports.
type chargerPortsJSON struct {
	Ports []chargerPortJSON `json:"ports"`
}

func jsonOfPort(p operations.Port) chargerPortJSON {
	c := p.Cells
	public := !slices.Contains([]string{"no", "false", "0"}, strings.ToLower(c["public"]))
	out := chargerPortJSON{Public: &public}
	for column, cell := range out.cells() {
		*cell = c[column]
	}
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, portLineJSON{l["cp_id"], l["commissioned"], l["decommissioned"]})
	}
	return out
}

// cells are the texts by column.
func (p *chargerPortJSON) cells() map[string]*string {
	return map[string]*string{
		"port": &p.Port, "name": &p.Name, "site": &p.Site, "bay": &p.Bay, "position": &p.Position, "power_kw": &p.PowerKW, "hours": &p.Hours,
		"address": &p.Address, "city": &p.City, "postal_code": &p.PostalCode, "country": &p.Country, "time_zone": &p.TimeZone,
		"latitude": &p.Latitude, "longitude": &p.Longitude,
		"evse_id": &p.EVSE, "connector_standard": &p.Standard, "connector_format": &p.Format, "power_type": &p.PowerType,
		"max_voltage": &p.MaxVoltage, "max_amperage": &p.MaxAmperage,
	}
}

func (p chargerPortJSON) port() operations.Port {
	out := operations.Port{Cells: map[string]string{}}
	for column, cell := range p.cells() {
		out.Cells[column] = *cell
	}
	if p.Public != nil && !*p.Public {
		out.Cells["public"] = "no"
	}
	for column, cell := range out.Cells {
		out.Cells[column] = strings.TrimSpace(cell)
	}
	maps.DeleteFunc(out.Cells, func(_, cell string) bool { return cell == "" })
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, map[string]string{
			"cp_id": strings.TrimSpace(l.CP), "commissioned": strings.TrimSpace(l.Commissioned), "decommissioned": strings.TrimSpace(l.Decommissioned),
		})
	}
	return out
}

// servePorts answers with all ports, as JSON or as the file of ports.
func (d *Dashboard) servePorts(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == portsCSVPath || wantsCSV(r) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="ports.csv"`)
		_, _ = w.Write(ledger.WritePortCells(d.operations.PortLines())) // fails only if the reader has gone
		return
	}
	all, lacks := chargerPortsJSON{[]chargerPortJSON{}}, d.ocpi.lacking(time.Now())
	for _, p := range d.operations.Ports() {
		out := jsonOfPort(p)
		out.OCPILacks = lacks[out.Port]
		all.Ports = append(all.Ports, out)
	}
	status.WriteJSON(w, all)
}

// wantsCSV reports whether a request names CSV among what it accepts, and not JSON before.
func wantsCSV(r *http.Request) bool {
	for kind := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch kind, _, _ := mime.ParseMediaType(kind); kind {
		case "text/csv":
			return true
		case "application/json":
			return false
		}
	}
	return false
}

func (d *Dashboard) putPort(w http.ResponseWriter, r *http.Request) {
	var in chargerPortJSON
	body, ok := readBody(w, r, &in)
	if !ok {
		return
	}
	name := r.PathValue("port")
	in.Port = cmp.Or(in.Port, name)
	if len(in.Lines) == 0 {
		status.WriteProblem(w, http.StatusBadRequest, language.Coded("port_of_nothing"))
		return
	}
	d.change(w, r, body, http.StatusOK, func(c *audit.BoardChange) (any, error) {
		p := in.port()
		return jsonOfPort(p), d.operations.PutPort(c, name, p)
	})
}

func (d *Dashboard) removePort(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, nil, http.StatusNoContent, func(c *audit.BoardChange) (any, error) {
		return nil, d.operations.RemovePort(c, r.PathValue("port"))
	})
}

// replacePorts takes a file of ports in the place of all.
func (d *Dashboard) replacePorts(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "text/csv" {
		status.WriteError(w, http.StatusUnsupportedMediaType, "Content-Type can't be "+strconv.Quote(r.Header.Get("Content-Type")), "text/csv")
		return
	}
	body, err := io.ReadAll(r.Body)
	if !bodyRead(w, err) {
		return
	}
	lines, err := ledger.ReadPortCells(body)
	if err != nil {
		writeFailure(w, operations.FieldError(operations.Fields.Ports, err))
		return
	}
	d.change(w, r, body, http.StatusOK, func(c *audit.BoardChange) (any, error) {
		return portsReplacedJSON{len(lines)}, d.operations.ReplacePorts(c, lines)
	})
}

// portsReplacedJSON is how many lines were taken.
type portsReplacedJSON struct {
	Lines int `json:"lines"`
}
