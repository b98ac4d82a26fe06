-- The words of the columns with few values in the tables with many rows. A word that is missing here can't be cast.
create macro words() as [
    -- where something came from, and by which channel
    'website', 'referral', 'partner', 'cold_call', 'search', 'social', 'email', 'event', 'direct',
    'phone', 'chat', 'web', 'video', 'meeting_room', 'intranet',
    -- leads
    'new', 'working', 'qualified', 'disqualified', 'converted',
    'no_need', 'no_budget', 'unreachable', 'wrong_contact', 'student',
    'manufacturing', 'logistics', 'retail', 'healthcare', 'construction', 'energy', 'software', 'public_sector',
    'DE', 'FR', 'AT', 'CH', 'GB', 'US', 'NL', 'IT',
    -- deals and orders
    'open', 'won', 'lost', 'renewal', 'upsell', 'cross_sell', 'enterprise', 'standard',
    'review', 'offer', 'negotiation', 'qualification', 'discovery', 'technical_fit', 'proposal', 'contract',
    'price', 'competitor', 'timing', 'no_decision', 'paid', 'cancelled', 'refunded', 'EUR', 'CHF', 'GBP', 'USD',
    -- tickets and their events
    'pending', 'resolved', 'closed', 'low', 'normal', 'high', 'urgent',
    'defect', 'question', 'billing', 'installation', 'complaint',
    'customer_message', 'agent_message', 'assigned', 'reopened',
    -- e-mail events
    'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained',
    -- activities
    'call', 'meeting', 'note', 'task', 'inbound', 'outbound', 'internal'
];
