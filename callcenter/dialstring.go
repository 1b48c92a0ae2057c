package callcenter

import "strings"

// endpointOfChannel returns technology and resource of a channel's name:
// PJSIP/2001-0000001f → PJSIP/2001, Local/2003@agents-00000004;1 →
// Local/2003@agents. A resource may hold dashes itself.
func endpointOfChannel(name string) string {
	name, _, _ = strings.Cut(name, ";")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	return name
}

// otherHalf returns the name of a Local channel's other half:
// Local/2003@agents-00000004;1 → Local/2003@agents-00000004;2. It is empty
// for other channels.
func otherHalf(name string) string {
	if !strings.HasPrefix(name, "Local/") {
		return ""
	}
	common, half, _ := strings.Cut(name, ";")
	switch half {
	case "1":
		return common + ";2"
	case "2":
		return common + ";1"
	}
	return ""
}

// endpointOfDevice returns technology and resource of one of Dial's devices:
// PJSIP/2001, PJSIP/2001/sip:2001@192.0.2.1 → PJSIP/2001,
// PJSIP/0312345678@trunk → PJSIP/trunk, Local/2003@agents/n →
// Local/2003@agents, DAHDI/g0/0312345678 → DAHDI/g0.
func endpointOfDevice(device string) string {
	tech, rest, ok := strings.Cut(strings.TrimSpace(device), "/")
	if !ok || rest == "" {
		return ""
	}
	resource, _, _ := strings.Cut(rest, "/")
	if tech != "Local" {
		if i := strings.LastIndexByte(resource, '@'); i >= 0 {
			resource = resource[i+1:]
		}
	}
	return tech + "/" + resource
}

// numberOfDialString returns the number that a Dial event's dial string
// sends to a trunk: trunk/sip:0312345678@192.0.2.1 (PJSIP with a URI),
// 0312345678@trunk (PJSIP), trunk/0312345678 (SIP, DAHDI, IAX2) →
// 0312345678. It is empty when the string names no number.
func numberOfDialString(s string) string {
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if _, uri, ok := strings.Cut(s, scheme); ok {
			if scheme == "tel:" {
				return userPart(uri)
			}
			user, _, hasUser := strings.Cut(uri, "@")
			if !hasUser {
				return ""
			}
			return userPart(user)
		}
	}
	if user, _, ok := strings.Cut(s, "@"); ok && !strings.Contains(user, "/") {
		return userPart(user)
	}
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return userPart(s[i+1:])
	}
	return ""
}

// userPart cuts a URI's user off its parameters and takes it only when it
// can be dialled.
func userPart(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s, _, _ = strings.Cut(s, ":")
	if s == "" || strings.Trim(s, "+0123456789*#-.()") != "" {
		return ""
	}
	return s
}

// argument returns an application's n-th argument, counted from 0, cut as
// Asterisk does: at commas outside of quotes, parentheses and brackets, and
// without the quotes. Queue("support",t) enters support.
func argument(data string, n int) string {
	start, nested, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i++ // what follows is meant literally
		case c == '"':
			quoted = !quoted
		case c == '(' || c == '[':
			nested++
		case c == ')' || c == ']':
			nested = max(nested-1, 0)
		case c == ',' && nested == 0 && !quoted:
			if n == 0 {
				return unquote(data[start:i])
			}
			n, start = n-1, i+1
		}
	}
	if n > 0 {
		return ""
	}
	return unquote(data[start:])
}

// unquote removes quotes, and the backslashes that keep a character.
func unquote(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return strings.TrimSpace(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			continue
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.TrimSpace(b.String())
}

// presentedNumber returns a caller's number, empty when it is withheld. The
// words are those that Asterisk and carriers put in a withheld number's
// place (RFC 3323 has "anonymous").
func presentedNumber(number string) string {
	switch strings.ToLower(number) {
	case "anonymous", "restricted", "private", "unavailable", "withheld", "unknown", "asterisk", "s", "<unknown>":
		return ""
	}
	return number
}
