package webhooks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// CertificateFault is why a receiver does not prove by its certificate who it
// is, and what to do about that.
type CertificateFault struct {
	// Problem names what the certificate says, and never the URL.
	Problem string
	Remedy  string
}

// certificateFault returns what is wrong with a receiver's certificate; nil
// when the error is about something else.
func certificateFault(err error) *CertificateFault {
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return nil
	}
	fault := &CertificateFault{Problem: failed.Err.Error(), Remedy: "look at the receiver's certificate and its chain"}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](failed.Err)
	switch {
	case isError[x509.UnknownAuthorityError](failed.Err):
		fault.Remedy = "have this machine trust the authority that signed it (update-ca-certificates, or SSL_CERT_FILE), and restart callbackd; " +
			"or have the receiver send the whole chain"
	case isError[x509.HostnameError](failed.Err):
		fault.Remedy = "write a name of the certificate in the webhook's url, or have it name that one"
	case isInvalid && invalid.Reason == x509.Expired:
		fault.Remedy = "have the receiver's certificate renewed, and compare the clocks of both machines"
	}
	return fault
}
