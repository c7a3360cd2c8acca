package dashboard

import (
	"encoding/json"
	"net/http"
)

// list answers with every charge point.
func (d *Dashboard) list(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(jsonOfAll(d.central.CPs()))
	if err != nil {
		http.Error(w, "can't write the list", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // a reader that has gone needs none
}
