package sip

import (
	"slices"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"
)

// dialogKey finds the call that a request belongs to. Our tag alone would do,
// were it not for peers that reuse tags; the far end's tag is not part of it,
// because an outgoing call learns that one only with the first response.
type dialogKey struct{ callID, localTag string }

// dialog is the state that requests within a call need (RFC 3261, section 12).
type dialog struct {
	key dialogKey

	mu     sync.Mutex
	local  sipmsg.FromHeader
	remote sipmsg.ToHeader
	target sipmsg.Uri // where the far end wants requests
	routes []string   // in the order in which they are put on requests
	seq    uint32
}

// newLocalDialog is the dialog of an INVITE that we send. It is complete after
// confirm.
func newLocalDialog(invite *sipmsg.Request) *dialog {
	from := invite.From()
	return &dialog{
		key:    dialogKey{callID: invite.CallID().Value(), localTag: from.Params.GetOr("tag", "")},
		local:  *sipmsg.HeaderClone(from).(*sipmsg.FromHeader),
		remote: *sipmsg.HeaderClone(invite.To()).(*sipmsg.ToHeader),
		target: *invite.Recipient.Clone(),
		seq:    invite.CSeq().SeqNo,
	}
}

// newRemoteDialog is the dialog of an INVITE that we received.
func newRemoteDialog(invite *sipmsg.Request, localTag string) *dialog {
	to, from := invite.To(), invite.From()
	local := sipmsg.FromHeader{DisplayName: to.DisplayName, Address: *to.Address.Clone(), Params: to.Params.Clone()}
	local.Params.Remove("tag")
	local.Params.Add("tag", localTag)
	d := &dialog{
		key:    dialogKey{callID: invite.CallID().Value(), localTag: localTag},
		local:  local,
		remote: from.AsTo(),
		routes: routesOf(invite.GetHeaders("Record-Route")),
		seq:    1,
	}
	d.refresh(invite.Contact())
	return d
}

// confirm completes an outgoing call's dialog with the response that made it.
// The INVITE is the one answered: authentication raised its sequence number.
func (d *dialog) confirm(invite *sipmsg.Request, response *sipmsg.Response) {
	d.mu.Lock()
	d.seq = max(d.seq, invite.CSeq().SeqNo)
	d.remote = *sipmsg.HeaderClone(response.To()).(*sipmsg.ToHeader)
	d.routes = routesOf(response.GetHeaders("Record-Route"))
	slices.Reverse(d.routes)
	d.mu.Unlock()
	d.refresh(response.Contact())
}

// refresh follows the far end's Contact, which any of its INVITEs and UPDATEs
// and our INVITE's success may change.
func (d *dialog) refresh(contact *sipmsg.ContactHeader) {
	if contact == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.target = *contact.Address.Clone()
}

func routesOf(recorded []sipmsg.Header) []string {
	routes := make([]string, len(recorded))
	for i, header := range recorded {
		routes[i] = header.Value()
	}
	return routes
}

// request builds the next request of the dialog.
func (d *dialog) request(method sipmsg.RequestMethod) *sipmsg.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Steps of two leave room for the number that a digest challenge takes:
	// sequence numbers must grow, they need not be contiguous.
	d.seq += 2
	return d.build(method, d.seq)
}

// ack builds the acknowledgement of a success, which bears the number of its
// INVITE.
func (d *dialog) ack(invite *sipmsg.Request) *sipmsg.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.build(sipmsg.ACK, invite.CSeq().SeqNo)
}

func (d *dialog) build(method sipmsg.RequestMethod, seq uint32) *sipmsg.Request {
	req := sipmsg.NewRequest(method, *d.target.Clone())
	req.AppendHeader(sipmsg.HeaderClone(&d.local))
	req.AppendHeader(sipmsg.HeaderClone(&d.remote))
	callID := sipmsg.CallIDHeader(d.key.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: method})
	for _, route := range d.routes {
		req.AppendHeader(sipmsg.NewHeader("Route", route))
	}
	return req
}
