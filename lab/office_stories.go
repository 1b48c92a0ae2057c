package lab

import "slices"

// Story is what phones do, for a call or two, from ringing to hanging up.
type Story struct {
	// Name says what happens, in a few words.
	Name string
	// phones are the agents' phones that ring or are used in it.
	phones []string
	play   func(s *scene)
}

func (s Story) needs(phone string) bool { return slices.Contains(s.phones, phone) }

// Stories are all stories that an [Office] knows: every kind of call that
// there is on the published sample. Those that wait for a queue to give up
// take as long as QUEUE_TIMEOUT says. Where no callbackd is there to talk to
// callers who ask for a callback, the dialplan goes on without it, and so do
// they.
func Stories() []Story {
	support, sales := []string{"2001", "2002"}, []string{"2003", "2004"}
	with := func(phones []string, more ...string) []string { return slices.Concat(phones, more) }
	return []Story{
		{"support answers", support, answeredBySupport("0355550001")},
		{"support answers a withheld number", support, answeredWithheld},
		{"the caller leaves the queue", support, leavesQueue},
		{"the caller asks to be called back", support, asksWhileWaiting},
		{"the queue gives up, the ring group answers", support, timesOutToRingGroup},
		{"the IVR leads to support", support, ivrToSupport},
		{"the IVR leads to sales", sales, ivrToSales},
		{"the caller leaves the IVR", nil, leavesIVR},
		{"sales answers through a Local channel", sales, answeredBySales("2003")},
		{"sales answers through a Local channel that goes away", sales, answeredBySales("2004")},
		{"nobody answers for sales", sales, nobodyAnswersForSales},
		{"nobody answers for sales, and the caller leaves a message", sales, leavesMessageForSales},
		{"support hands over to a phone by REFER", with(support, "2003"), handedOverByREFER},
		{"support hands over to a phone by feature code", with(support, "2004"), handedOverByCode},
		{"a phone hands over to support", with(support, "2003"), handedOverToSupport},
		{"the ring group answers", support, answeredByRingGroup("6001")},
		{"the ring group with a queue answers", support, answeredByRingGroup("6002")},
		{"a phone answers", []string{"2003"}, answeredByPhone("2003")},
		{"the caller of a phone gives up", []string{"2004"}, givesUpOnPhone},
		{"agents talk to each other", sales, internal},
		{"an agent calls a customer", []string{"2004"}, outgoing("2004", "")},
		{"an agent calls a customer who is busy", []string{"2003"}, outgoingBusy("2003", "")},
		{"an agent calls a customer for support", []string{"2002"}, outgoing("2002", "*7001")},
		{"an agent calls a customer for sales, who is busy", []string{"2003"}, outgoingBusy("2003", "*7002")},
	}
}

func answeredBySupport(number string) func(*scene) {
	return func(s *scene) {
		call := s.customerCalls(number)
		agents := s.reaches(s.oneOf("2001", "2002"))
		s.answers(agents)
		s.talk(agents, customerTone)
		s.leaves(s.either(call, agents))
	}
}

func answeredWithheld(s *scene) {
	call := s.customerCallsWithheld("7001")
	agents := s.reaches(s.oneOf("2001", "2002"))
	s.answers(agents)
	s.talk(agents, customerTone)
	s.leaves(call, agents)
}

func leavesQueue(s *scene) {
	call := s.customerCalls("0355550001")
	agents := s.reaches("2001")
	s.rings(agents)
	s.leaves(call, agents)
}

func timesOutToRingGroup(s *scene) {
	call := s.customerCalls("7001")
	agent := s.oneOf("2001", "2002")
	s.over(s.reaches(agent)) // the queue rings until it gives up
	agents := s.reaches(agent)
	s.answers(agents)
	s.talk(agents, customerTone)
	s.leaves(call, agents)
}

func ivrToSupport(s *scene) {
	call := s.customerCalls("0355550480")
	s.listens(call)
	s.presses(call, "1")
	agents := s.reaches(s.oneOf("2001", "2002"))
	s.answers(agents)
	s.talk(agents, customerTone)
	s.leaves(s.either(call, agents))
}

func ivrToSales(s *scene) {
	call := s.customerCalls("7480")
	s.listens(call)
	s.presses(call, "2")
	agents := s.reaches(s.oneOf("2003", "2004"))
	s.answers(agents)
	s.talk(agents, customerTone)
	s.leaves(call, agents)
}

func leavesIVR(s *scene) {
	call := s.customerCalls("0355550480")
	s.listens(call)
	s.leaves(call, call)
}

func answeredBySales(agent string) func(*scene) {
	return func(s *scene) {
		call := s.customerCalls("0355550002")
		agents := s.reaches(agent)
		s.answers(agents)
		s.talk(agents, customerTone)
		s.leaves(s.either(call, agents))
	}
}

func nobodyAnswersForSales(s *scene) {
	call := s.customerCalls("7002")
	s.over(s.reaches(s.oneOf("2003", "2004")))
	if s.hears(call, "welcome") {
		s.presses(call, "*") // no callback
	}
	s.over(call) // an announcement, and the PBX hangs up
}

func leavesMessageForSales(s *scene) {
	call := s.customerCalls("0355550002")
	s.over(s.reaches(s.oneOf("2003", "2004")))
	if s.hears(call, "welcome") {
		s.presses(call, "1")
	}
	if s.hears(call, "leave-message") {
		s.lasts(call, s.office.options.Talk, "leaving a message")
		s.presses(call, "#")
	}
	s.over(call)
}

func asksWhileWaiting(s *scene) {
	call := s.customerCalls("0355550001")
	agents := s.reaches("2001")
	s.rings(agents)
	s.presses(call, "1")
	s.over(agents)
	if s.hears(call, "welcome") {
		s.presses(call, "1")
		s.over(call)
		return
	}
	s.leaves(call, call)
}

func handedOverByREFER(s *scene) {
	call := s.customerCalls("0355550001")
	agents := s.reaches("2001")
	s.answers(agents)
	s.talk(agents, customerTone)
	s.transfers(agents, "2003")
	colleagues := s.reaches("2003")
	s.answers(colleagues)
	s.talk(colleagues, customerTone)
	s.leaves(call, colleagues)
}

func handedOverByCode(s *scene) {
	call := s.customerCalls("0355550001")
	agents := s.reaches("2002")
	s.answers(agents)
	s.talk(agents, customerTone)
	s.presses(agents, "##2004")
	colleagues := s.reaches("2004")
	s.over(agents)
	s.answers(colleagues)
	s.talk(colleagues, customerTone)
	s.leaves(call, colleagues)
}

func handedOverToSupport(s *scene) {
	call := s.customerCalls("2003")
	clerks := s.reaches("2003")
	s.answers(clerks)
	s.talk(clerks, customerTone)
	s.transfers(clerks, "7001")
	agents := s.reaches(s.oneOf("2001", "2002"))
	s.answers(agents)
	s.talk(agents, customerTone)
	s.leaves(call, agents)
}

func answeredByRingGroup(number string) func(*scene) {
	return func(s *scene) {
		call := s.customerCalls(number)
		agents := s.reaches(s.oneOf("2001", "2002"))
		s.answers(agents)
		s.talk(agents, customerTone)
		s.leaves(s.either(call, agents))
	}
}

func answeredByPhone(extension string) func(*scene) {
	return func(s *scene) {
		call := s.customerCalls(extension)
		agents := s.reaches(extension)
		s.answers(agents)
		s.talk(agents, customerTone)
		s.leaves(s.either(call, agents))
	}
}

func givesUpOnPhone(s *scene) {
	call := s.customerCalls("2004")
	agents := s.reaches("2004")
	s.rings(agents)
	s.leaves(call, agents)
}

func internal(s *scene) {
	call := s.agentCalls("2003", "2004")
	colleagues := s.reaches("2004")
	s.answers(colleagues)
	s.talk(colleagues, agentTone)
	s.leaves(s.either(call, colleagues))
}

// outgoing is a call to the customer, with what the agent keys in before the
// number.
func outgoing(extension, prefix string) func(*scene) {
	return func(s *scene) {
		call := s.agentCalls(extension, prefix+s.customer.Number)
		customers := s.reachesCustomer()
		s.answers(customers)
		s.talk(call, customerTone)
		s.leaves(s.either(call, customers))
	}
}

func outgoingBusy(extension, prefix string) func(*scene) {
	return func(s *scene) {
		call := s.agentCalls(extension, prefix+s.customer.Number)
		s.refuses(s.reachesCustomer(), statusBusy)
		s.over(call)
	}
}
