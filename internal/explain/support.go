package explain

// Support is what only the process itself knows of what one attaches to a question: the
// document behind GET /api/v1/support on the socket.
type Support struct {
	Settings []SettingValue `json:"settings"`
	Log      []string       `json:"log"` // the last lines, the oldest first
	Go       string         `json:"go"`  // the version of Go that built it
	OS       string         `json:"os"`  // and for which machine: linux/amd64
	Threads  int            `json:"gomaxprocs"`
}

// SettingValue is one setting as it is in force, and where that came from.
type SettingValue struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}
