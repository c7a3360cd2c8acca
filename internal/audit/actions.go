package audit

// ChangeAction is what was done, in a line of the log.
type ChangeAction uint8

// The actions: all that the log can have.
const (
	AddUser ChangeAction = iota + 1
	SetPassword
	RemoveUser
	AddToken
	RevokeToken
	SignIn
	SignOut
	RefuseSignIn // a wrong name, password or first token, or too many of them
	RefuseToken  // a program showed a token that is not known, was revoked or has expired
	TakeIncident
	LetGo
	LetGoRecovered // by Central: the incident is over
	LetGoTimeOver  // by Central: the time of the owner is
	AddMaintenance
	EndMaintenance
	AddExclusion
	WithdrawExclusion
	PutPort
	RemovePort
	ReplacePorts

	// LastChangeAction is the last one.
	LastChangeAction = ReplacePorts
)

var actionNames = [...]string{
	AddUser: "add_user", SetPassword: "set_password", RemoveUser: "remove_user", AddToken: "add_token", RevokeToken: "revoke_token",
	SignIn: "sign_in", SignOut: "sign_out", RefuseSignIn: "refuse_sign_in", RefuseToken: "refuse_token",
	TakeIncident: "take", LetGo: "let_go", LetGoRecovered: "let_go_recovered", LetGoTimeOver: "let_go_time_over",
	AddMaintenance: "add_maintenance", EndMaintenance: "end_maintenance", AddExclusion: "add_exclusion", WithdrawExclusion: "withdraw_exclusion",
	PutPort: "put_port", RemovePort: "remove_port", ReplacePorts: "replace_ports",
}

// String is its name in the file and in the API.
func (a ChangeAction) String() string { return actionNames[a] }
