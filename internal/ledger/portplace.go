package ledger

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp/internal/language"
)

// PortPlace is where a port stands, for people and maps. What nobody entered is "".
type PortPlace struct {
	Address, City, PostalCode string
	Country                   string // ISO 3166-1 alpha-3
	TimeZone                  string // of the IANA data, as Europe/Madrid
	Latitude, Longitude       string // decimal degrees
	Bay                       string
}

// PortConnector is what a car is plugged into, in the words of OCPI 2.2.1. What nobody entered is
// "" or 0.
type PortConnector struct {
	EVSE      string // the id that is printed on it, as ES*ABC*E0001
	Standard  string // one of connectorStandards
	Format    string // one of connectorFormats
	PowerType string // one of powerTypes
	Volts     int    // at most; of three phases from line to neutral
	Amperes   int    // at most
}

// connectorStandards are the values of ConnectorType of OCPI 2.2.1.
var connectorStandards = []string{
	"CHADEMO", "CHAOJI",
	"DOMESTIC_A", "DOMESTIC_B", "DOMESTIC_C", "DOMESTIC_D", "DOMESTIC_E", "DOMESTIC_F", "DOMESTIC_G", "DOMESTIC_H",
	"DOMESTIC_I", "DOMESTIC_J", "DOMESTIC_K", "DOMESTIC_L", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O",
	"GBT_AC", "GBT_DC",
	"IEC_60309_2_single_16", "IEC_60309_2_three_16", "IEC_60309_2_three_32", "IEC_60309_2_three_64",
	"IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2", "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C",
	"NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30", "NEMA_14_50",
	"PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN", "TESLA_R", "TESLA_S",
}

// connectorFormats and powerTypes are those of OCPI 2.2.1.
var (
	connectorFormats = []string{"SOCKET", "CABLE"}
	powerTypes       = []string{"AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"}
)

// placeColumn reads the cell of a column about where a port stands and what is plugged into it.
func (r *portParser) placeColumn(port *ChargingPort, name, cell string) (err error) {
	switch name {
	case "bay":
		port.Place.Bay = cell
	case "address":
		port.Place.Address = cell
	case "city":
		port.Place.City = cell
	case "postal_code":
		port.Place.PostalCode = cell
	case "country":
		port.Place.Country, err = cell, checkCountry(cell)
	case "time_zone":
		port.Place.TimeZone, err = cell, r.checkTimeZone(cell)
	case "latitude":
		port.Place.Latitude, err = cell, checkDegrees(cell, 90)
	case "longitude":
		port.Place.Longitude, err = cell, checkDegrees(cell, 180)
	case "evse_id":
		port.Connector.EVSE, err = cell, checkEVSE(cell)
	case "connector_standard":
		port.Connector.Standard, err = oneOf(cell, connectorStandards)
	case "connector_format":
		port.Connector.Format, err = oneOf(cell, connectorFormats)
	case "power_type":
		port.Connector.PowerType, err = oneOf(cell, powerTypes)
	case "max_voltage":
		port.Connector.Volts, err = parseMost(cell, "V")
	case "max_amperage":
		port.Connector.Amperes, err = parseMost(cell, "A")
	}
	return err
}

// oneOf checks a word of a list. OCPI tells capital letters from small ones.
func oneOf(cell string, all []string) (string, error) {
	if cell != "" && !slices.Contains(all, cell) {
		return "", language.Coded("one_of", strconv.QuoteToASCII(cell), strings.Join(all, ", "))
	}
	return cell, nil
}

// parseMost reads a number of volts or amperes; "" is 0.
func parseMost(cell, unit string) (int, error) {
	if cell == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(cell, 10, 16)
	if err != nil || n < 1 || n > 9999 {
		return 0, language.Coded("whole_number", strconv.QuoteToASCII(cell), unit)
	}
	return int(n), nil
}

// checkTimeZone checks the name of a zone. The data of the zones is part of the program.
func (r *portParser) checkTimeZone(name string) error {
	if name == "" || r.timeZones[name] {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return language.Coded("time_zone", strconv.QuoteToASCII(name))
	}
	r.timeZones[name] = true
	return nil
}

// maxEVSE is how long an EVSE id may be, in characters.
const maxEVSE = 48

// checkEVSE checks an EVSE id: the country, the operator, E and the operator's own part, with * in
// between or not.
func checkEVSE(id string) error {
	if id == "" {
		return nil
	}
	country, rest := cutBytes(id, 2)
	party, rest := cutBytes(strings.TrimPrefix(rest, "*"), 3)
	own, found := strings.CutPrefix(strings.TrimPrefix(rest, "*"), "E")
	if len(id) > maxEVSE || len(country) < 2 || len(party) < 3 || !found || own == "" ||
		strings.Trim(country, capitals) != "" || strings.Trim(party, capitals+digits) != "" || strings.Trim(own, capitals+digits+"*") != "" {
		return language.Coded("evse_id", strconv.QuoteToASCII(id), maxEVSE)
	}
	return nil
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "0123456789"
)

// cutBytes is the first n bytes of a text and what follows; all of one that is shorter.
func cutBytes(text string, n int) (first, rest string) {
	n = min(n, len(text))
	return text[:n], text[n:]
}

// checkCountry checks a country as OCPI has it.
func checkCountry(text string) error {
	if text != "" && (len(text) != 3 || strings.Trim(text, capitals) != "") {
		return language.Coded("country", strconv.QuoteToASCII(text))
	}
	return nil
}

// checkDegrees checks a coordinate, in decimal degrees.
func checkDegrees(text string, most float64) error {
	if text == "" {
		return nil
	}
	whole, decimals, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || len(whole) > 3 || len(decimals) > 7 || strings.Trim(whole+decimals, digits) != "" || value > most || value < -most {
		return language.Coded("degrees", strconv.QuoteToASCII(text), most)
	}
	return nil
}
