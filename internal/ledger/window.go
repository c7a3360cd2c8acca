package ledger

import (
	"evcp/internal/language"
	"strconv"
	"time"

	"evcp"
)

// MonthWindow is the window of a month in the zone, as 2026-10. Under NEVI it is the twelve
// months that end with it.
func MonthWindow(d Definition, month string, zone *time.Location) (from, to evcp.Stamp, err error) {
	at, err := time.ParseInLocation("2006-01", month, zone)
	if err != nil || at.Year() < 1971 || at.Year() > 2199 {
		return 0, 0, language.Coded("month", strconv.QuoteToASCII(month))
	}
	if d == UK {
		return 0, 0, language.Coded("uk_is_a_year")
	}
	begin := at
	if d == NEVI {
		begin = time.Date(at.Year()-1, at.Month()+1, 1, 0, 0, 0, 0, zone)
	}
	return evcp.StampOf(begin), evcp.StampOf(time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, zone)), nil
}

// YearWindow is the window of a calendar year in the zone, as 2026.
func YearWindow(year string, zone *time.Location) (from, to evcp.Stamp, err error) {
	n, err := strconv.Atoi(year)
	if err != nil || n < 1971 || n > 2199 {
		return 0, 0, language.Coded("year", strconv.QuoteToASCII(year))
	}
	return evcp.StampOf(time.Date(n, 1, 1, 0, 0, 0, 0, zone)), evcp.StampOf(time.Date(n+1, 1, 1, 0, 0, 0, 0, zone)), nil
}
