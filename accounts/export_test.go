package accounts

// HoldPasswords keeps the service from computing any hash until release is
// called.
func (s *Service) HoldPasswords() (release func()) {
	for range cap(s.passwords.slots) {
		s.passwords.slots <- struct{}{}
	}
	return func() {
		for range cap(s.passwords.slots) {
			<-s.passwords.slots
		}
	}
}

// Acting returns the principal of a person for whom a token acts.
func Acting(person Principal, token *Token) Principal { return person.limitedBy(token) }

// TokenPrincipal returns the principal of a token that acts for nobody.
func TokenPrincipal(token *Token) Principal { return token.principal() }
