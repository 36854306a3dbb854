package assets

import (
	"crypto/sha256"
	"fmt"
)

// BrokerRole is the database role of a broker's password. Each password has one of its own, in the group that may read
// users and rules, so that an old one and a new one are good at a time: see schema.sql. Its name follows from the
// password, which it does not tell.
func BrokerRole(group, password string) string {
	return fmt.Sprintf("%s_%x", group, sha256.Sum256([]byte(password)))[:len(group)+1+8]
}

// Which client ids every user may connect as; see schema.sql for what single users may besides. Who has a client id has
// its session, with the messages that wait there and those that its subscriptions get.
const (
	ClientIDsUsername = "username" // the username
	ClientIDsPrefix   = "prefix"   // the username, and what begins with the username and a colon
	ClientIDsAny      = "any"      // every one: users may take each other's sessions
)
