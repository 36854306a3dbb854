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
